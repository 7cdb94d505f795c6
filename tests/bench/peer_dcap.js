// The npm package @phala/dcap-qvl on the same quote, collateral and time as bench_attest: microseconds for one full verification.
// node peer_dcap.js MODULES QUOTE COLLATERAL NOW
const fs = require("fs");
const [modules, quote, collateral, now] = process.argv.slice(2);
const qvl = require(`${modules}/@phala/dcap-qvl`);

const bytes = fs.readFileSync(quote);
const given = JSON.parse(fs.readFileSync(collateral, "utf8"));
for (const member of ["root_ca_crl", "pck_crl", "tcb_info_signature", "qe_identity_signature"])
	given[member] = Buffer.from(given[member], "hex");

const once = () => qvl.verify(bytes, given, Number(now));
if (once().status !== "UpToDate") throw new Error("the peer does not accept the quote");
let best = Infinity;
for (let round = 0; round < 5; round++) {
	const count = 5, begin = process.cpuUsage();
	for (let i = 0; i < count; i++) once();
	const used = process.cpuUsage(begin);
	best = Math.min(best, (used.user + used.system) / count);
}
console.log(Math.round(best));
