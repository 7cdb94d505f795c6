// SPDX-License-Identifier: GPL-2.0
/*
 * Software TSM provider for development: what the TDX guest driver offers, without TDX.
 *
 * Reports (configfs-tsm, provider name "tdx_guest"): the 64 bytes of report data and the four measurement registers (4 * 48 bytes) go to a
 * signer on the host over TCP; the answer is a little-endian 32-bit length and the quote. Measurement registers: the files
 * /sys/devices/virtual/misc/tdx_guest/measurements/rtmr[0-3]:sha384, all zero at start; writing 48 bytes extends.
 */
#define pr_fmt(fmt) "tsm-dev: " fmt

#include <linux/in.h>
#include <linux/init.h>
#include <linux/inet.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/tsm.h>
#include <linux/tsm-mr.h>
#include <linux/unaligned.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <crypto/sha2.h>
#include <asm/cpufeature.h>

#define SIGNER_ADDR	0x0a000264 /* 10.0.2.100: a forward of QEMU's user network */
#define SIGNER_PORT	4050
#define SIGNER_TIMEOUT	(10 * HZ)
#define QUOTE_MAX	SZ_128K
#define RTMRS		4

static DEFINE_MUTEX(rtmr_lock);
static u8 rtmr[RTMRS][SHA384_DIGEST_SIZE];

#define RTMR(i) { .mr_value = rtmr[i], TSM_MR_(rtmr##i, SHA384) | TSM_MR_F_RTMR }
static const struct tsm_measurement_register mrs[RTMRS] = { RTMR(0), RTMR(1), RTMR(2), RTMR(3) };

static int mr_refresh(const struct tsm_measurements *tm)
{
	return 0; /* the registers are the cache */
}

static int mr_extend(const struct tsm_measurements *tm, const struct tsm_measurement_register *mr, const u8 *data)
{
	struct sha384_ctx ctx;

	mutex_lock(&rtmr_lock);
	sha384_init(&ctx);
	sha384_update(&ctx, mr->mr_value, SHA384_DIGEST_SIZE);
	sha384_update(&ctx, data, SHA384_DIGEST_SIZE);
	sha384_final(&ctx, mr->mr_value);
	mutex_unlock(&rtmr_lock);
	return 0;
}

static const struct tsm_measurements measurements = { .mrs = mrs, .nr_mrs = RTMRS, .refresh = mr_refresh, .write = mr_extend };

static int send_all(struct socket *sock, void *data, size_t len)
{
	while (len) {
		struct kvec vec = { .iov_base = data, .iov_len = len };
		struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
		int n = kernel_sendmsg(sock, &msg, &vec, 1, len);

		if (n <= 0)
			return n ? n : -EPIPE;
		data += n;
		len -= n;
	}
	return 0;
}

static int receive_all(struct socket *sock, void *data, size_t len)
{
	while (len) {
		struct kvec vec = { .iov_base = data, .iov_len = len };
		struct msghdr msg = {};
		int n = kernel_recvmsg(sock, &msg, &vec, 1, len, 0);

		if (n <= 0)
			return n ? n : -EPIPE;
		data += n;
		len -= n;
	}
	return 0;
}

static int report_new(struct tsm_report *report, void *data)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(SIGNER_PORT), .sin_addr.s_addr = htonl(SIGNER_ADDR) };
	u8 request[TSM_REPORT_INBLOB_MAX + sizeof(rtmr)];
	struct socket *sock;
	u8 size[4];
	u32 len;
	u8 *quote;
	int ret;

	if (report->desc.inblob_len != TSM_REPORT_INBLOB_MAX)
		return -EINVAL;
	memcpy(request, report->desc.inblob, TSM_REPORT_INBLOB_MAX);
	mutex_lock(&rtmr_lock);
	memcpy(request + TSM_REPORT_INBLOB_MAX, rtmr, sizeof(rtmr));
	mutex_unlock(&rtmr_lock);

	ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (ret)
		return ret;
	sock->sk->sk_sndtimeo = SIGNER_TIMEOUT;
	sock->sk->sk_rcvtimeo = SIGNER_TIMEOUT;
	ret = kernel_connect(sock, (struct sockaddr_unsized *)&addr, sizeof(addr), 0);
	if (!ret)
		ret = send_all(sock, request, sizeof(request));
	if (!ret)
		ret = receive_all(sock, size, sizeof(size));
	if (ret)
		goto release;

	len = get_unaligned_le32(size);
	if (!len || len > QUOTE_MAX) {
		ret = -EFBIG;
		goto release;
	}
	quote = kvmalloc(len, GFP_KERNEL);
	if (!quote) {
		ret = -ENOMEM;
		goto release;
	}
	ret = receive_all(sock, quote, len);
	if (ret) {
		kvfree(quote);
		goto release;
	}
	report->outblob = quote;
	report->outblob_len = len;
release:
	if (ret)
		pr_err("no quote from the signer: error %d\n", ret);
	sock_release(sock);
	return ret;
}

static bool attr_visible(int n)
{
	return n == TSM_REPORT_GENERATION || n == TSM_REPORT_PROVIDER;
}

static bool bin_attr_visible(int n)
{
	return n == TSM_REPORT_INBLOB || n == TSM_REPORT_OUTBLOB;
}

static const struct tsm_report_ops report_ops = {
	.name = "tdx_guest",
	.report_new = report_new,
	.report_attr_visible = attr_visible,
	.report_bin_attr_visible = bin_attr_visible,
};

static const struct file_operations no_operations = {};
static const struct attribute_group *groups[] = { NULL, NULL };
static struct miscdevice misc = { .name = "tdx_guest", .minor = MISC_DYNAMIC_MINOR, .fops = &no_operations, .groups = groups };

static int __init tsm_dev_init(void)
{
	int ret;

	if (cpu_feature_enabled(X86_FEATURE_TDX_GUEST))
		return -ENODEV;
	groups[0] = tsm_mr_create_attribute_group(&measurements);
	if (IS_ERR(groups[0]))
		return PTR_ERR(groups[0]);
	ret = misc_register(&misc);
	if (ret)
		goto free_group;
	ret = tsm_report_register(&report_ops, NULL);
	if (ret)
		goto deregister;
	return 0;

deregister:
	misc_deregister(&misc);
free_group:
	tsm_mr_free_attribute_group(groups[0]);
	return ret;
}
late_initcall(tsm_dev_init);
