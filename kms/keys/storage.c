#include "kms/keys/storage.h"

const char *const key_file_names[KEY_FILES] = {
	[KEY_BOOTSTRAP_INFO] = "bootstrap-info.json",
	[KEY_TMP_CA_KEY] = "tmp-ca.key",
	[KEY_ROOT_CA_KEY] = "root-ca.key",
	[KEY_RPC_KEY] = "rpc.key",
	[KEY_ROOT_K256] = "root-k256.key",
	[KEY_TMP_CA_CRT] = "tmp-ca.crt",
	[KEY_ROOT_CA_CRT] = "root-ca.crt",
	[KEY_RPC_CRT] = "rpc.crt",
	[KEY_RPC_DOMAIN] = "rpc-domain",
};
