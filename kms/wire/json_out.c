#include "kms/wire/json_out.h"

void json_out_string(struct wr *w, struct span s)
{
	static const char shorts[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	size_t plain = 0; /* characters before i that are still to be copied */
	wr_u8(w, '"');
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c >= 0x20 && c != '"' && c != '\\') {
			plain++;
			continue;
		}
		if (plain)
			wr_bytes(w, s.p + i - plain, plain);
		plain = 0;
		wr_u8(w, '\\');
		if (c >= 0x20) {
			wr_u8(w, c);
		} else if (shorts[c]) {
			wr_u8(w, (uint8_t)shorts[c]);
		} else {
			wr_str(w, "u00");
			wr_hex(w, SPAN(&c, 1));
		}
	}
	if (plain)
		wr_bytes(w, s.p + s.n - plain, plain);
	wr_u8(w, '"');
}
