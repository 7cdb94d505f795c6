#include "crypto/ec.h"

const br_ec_impl *ec_impl(void)
{
	return br_ec_get_default();
}
