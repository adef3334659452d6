// What a mailbox's reply file says. It is written by anybody, so it may be anything: huge, a folder, a pipe,
// no text. Nothing here waits (mailbox_model.cc does).
#ifndef OSEVOLVE_LLM_MAILBOX_REPLY_H_
#define OSEVOLVE_LLM_MAILBOX_REPLY_H_

#include <cstdint>
#include <string>

#include "llm/chat.h"

namespace ose {

// Sets `text`, valid UTF-8 and otherwise as it stands, or `failure` and `reason`, which names the file:
// kTooLarge (more than `max_bytes`), kProgram (not there, not readable, not a regular file), kEmpty (blank).
void ReadMailboxReply(const std::string& path, uint64_t max_bytes, ChatReply* reply);

}  // namespace ose

#endif  // OSEVOLVE_LLM_MAILBOX_REPLY_H_
