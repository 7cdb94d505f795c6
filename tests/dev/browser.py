"""Headless Chromium under Debian's driver, with nothing of its own going out."""

import os

QUIET = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars")


def chromium(width=1280, height=1000):
    """A driver whose page is width pixels wide. The caller quits it. The test is skipped where there is no Chromium."""
    import pytest
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service
    if not os.path.exists("/usr/bin/chromium"):
        pytest.skip("no chromium: run ./setup.sh as root")
    options = webdriver.ChromeOptions()
    for argument in (*QUIET, f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
    return driver
