// Content hashes: SHA-256 (OpenSSL libcrypto), as lower-case hexadecimal.
#ifndef OSEVOLVE_BASE_HASH_H_
#define OSEVOLVE_BASE_HASH_H_

#include <string>
#include <string_view>

namespace ose {

std::string Sha256Hex(std::string_view bytes);

}  // namespace ose

#endif  // OSEVOLVE_BASE_HASH_H_
