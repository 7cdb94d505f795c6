#include "kms/wire/json_out.h"

void json_out_string(struct wr *w, struct span s)
{
	static const char shorts[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	wr_u8(w, '"');
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c == '"' || c == '\\') {
			wr_u8(w, '\\');
			wr_u8(w, c);
		} else if (c >= 0x20) {
			wr_u8(w, c);
		} else if (shorts[c]) {
			wr_u8(w, '\\');
			wr_u8(w, (uint8_t)shorts[c]);
		} else {
			wr_str(w, "\\u00");
			wr_hex(w, SPAN(&c, 1));
		}
	}
	wr_u8(w, '"');
}
