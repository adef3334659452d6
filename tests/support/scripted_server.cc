#include "support/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/fd.h"

namespace ose {
namespace {

void Check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

bool Send(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

// Appends what comes next; false at the end.
bool Receive(int fd, std::string& buffer) {
  char piece[16 << 10];
  ssize_t n;
  do n = recv(fd, piece, sizeof piece, 0);
  while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  buffer.append(piece, n);
  return true;
}

std::optional<ScriptedRequest> ReadRequest(int fd) {
  std::string text;
  size_t head;
  while ((head = text.find("\r\n\r\n")) == text.npos) {
    if (!Receive(fd, text)) return std::nullopt;
  }
  ScriptedRequest request;
  const size_t line_end = text.find("\r\n"), first = text.find(' '), second = text.find(' ', first + 1);
  if (second == text.npos || second > line_end) return std::nullopt;
  request.method = text.substr(0, first);
  request.target = text.substr(first + 1, second - first - 1);
  for (size_t at = line_end + 2; at < head + 2;) {
    const size_t end = text.find("\r\n", at), colon = text.find(':', at);
    if (colon >= end) return std::nullopt;
    std::string name = text.substr(at, colon - at), value = text.substr(colon + 1, end - colon - 1);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    value.erase(0, value.find_first_not_of(" \t"));
    request.headers.emplace_back(name, value);
    at = end + 2;
  }
  if (request.Header("expect") == "100-continue" && !Send(fd, "HTTP/1.1 100 Continue\r\n\r\n")) return std::nullopt;
  const size_t length = std::strtoull(request.Header("content-length").c_str(), nullptr, 10);
  request.body = text.substr(head + 4);
  while (request.body.size() < length) {
    if (!Receive(fd, request.body)) return std::nullopt;
  }
  return request;
}

}  // namespace

std::string ScriptedRequest::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

struct ScriptedServer::State {
  Fd listener;
  int port = 0;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::mutex handling;
  std::map<std::string, Handler> handlers;
  std::vector<ScriptedRequest> requests;
  int stalls = 0;
  bool released = false, ending = false;
  std::set<int> open;
  std::vector<std::thread> connections;
  std::thread acceptor;

  void Accept();
  void Serve(Fd fd);
  void Answer(Fd& fd, const ScriptedReply& reply);
  ScriptedReply Choose(const ScriptedRequest& request);
  void Stall() {
    std::unique_lock lock(mutex);
    ++stalls;
    changed.notify_all();
    changed.wait(lock, [&] { return released || ending; });
  }
};

void ScriptedServer::State::Accept() {
  for (;;) {
    Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::lock_guard lock(mutex);
    if (ending) return;
    if (!fd) continue;
    open.insert(fd.get());
    connections.emplace_back([this, fd = std::move(fd)]() mutable { Serve(std::move(fd)); });
  }
}

void ScriptedServer::State::Serve(Fd fd) {
  const int number = fd.get();
  if (auto request = ReadRequest(fd.get())) {
    {
      std::lock_guard lock(mutex);
      requests.push_back(*request);
    }
    Answer(fd, Choose(*request));
  }
  std::lock_guard lock(mutex);
  open.erase(number);
  fd.reset();
}

ScriptedReply ScriptedServer::State::Choose(const ScriptedRequest& request) {
  Handler handler;
  {
    std::lock_guard lock(mutex);
    size_t longest = 0;
    for (const auto& [prefix, candidate] : handlers) {
      if (!request.target.starts_with(prefix) || (handler && prefix.size() < longest)) continue;
      handler = candidate;
      longest = prefix.size();
    }
  }
  if (!handler) return {.status = 418, .pieces = {"nothing is scripted for " + request.target}};
  std::lock_guard lock(handling);
  return handler(request);
}

void ScriptedServer::State::Answer(Fd& fd, const ScriptedReply& reply) {
  using End = ScriptedReply::End;
  if (reply.end == End::kSilent) return;
  if (reply.end == End::kStallFirst) Stall();
  size_t length = 0;
  for (const std::string& piece : reply.pieces) length += piece.size();
  length *= reply.repeat;
  const bool cut = reply.end == End::kCut || reply.end == End::kReset;
  std::string head = reply.interim + "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\nConnection: close\r\n";
  for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
  // One byte is always missing from a body that is cut.
  head += reply.chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: " + std::to_string(length + cut) + "\r\n\r\n";
  if (!Send(fd.get(), head)) return;
  for (int i = 0; i < reply.repeat; ++i) {
    for (const std::string& piece : reply.pieces) {
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
      if (!Send(fd.get(), reply.chunked ? size + piece + "\r\n" : piece)) return;
    }
  }
  if (reply.end == End::kStall) Stall();
  if (reply.end == End::kReset) {
    const linger none{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
  } else if (!cut && reply.chunked) {
    Send(fd.get(), "0\r\n\r\n");
  }
}

ScriptedServer::ScriptedServer() : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Check(static_cast<bool>(s.listener), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  Check(bind(s.listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0, "bind");
  Check(listen(s.listener.get(), 64) == 0, "listen");
  Check(getsockname(s.listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  s.port = ntohs(address.sin_port);
  s.acceptor = std::thread([&s] { s.Accept(); });
}

ScriptedServer::~ScriptedServer() {
  State& s = *state_;
  {
    std::lock_guard lock(s.mutex);
    s.ending = true;
    for (int fd : s.open) shutdown(fd, SHUT_RDWR);
    shutdown(s.listener.get(), SHUT_RDWR);
    s.changed.notify_all();
  }
  s.acceptor.join();
  for (std::thread& connection : s.connections) connection.join();
}

int ScriptedServer::port() const { return state_->port; }
std::string ScriptedServer::url() const { return "http://127.0.0.1:" + std::to_string(port()); }

void ScriptedServer::Script(const std::string& prefix, std::vector<ScriptedReply> replies) {
  Handle(prefix, [replies = std::move(replies), next = size_t{0}](const ScriptedRequest&) mutable {
    if (next < replies.size()) return replies[next++];
    return ScriptedReply{.status = 418, .pieces = {"the script has ended"}};
  });
}

void ScriptedServer::Handle(const std::string& prefix, Handler handler) {
  // Shared, so that what the handler remembers is not copied with it.
  auto shared = std::make_shared<Handler>(std::move(handler));
  std::lock_guard lock(state_->mutex);
  state_->handlers[prefix] = [shared](const ScriptedRequest& request) { return (*shared)(request); };
}

std::vector<ScriptedRequest> ScriptedServer::requests() const {
  std::lock_guard lock(state_->mutex);
  return state_->requests;
}

void ScriptedServer::AwaitStalls(int n) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->stalls >= n; });
}

void ScriptedServer::Release() {
  std::lock_guard lock(state_->mutex);
  state_->released = true;
  state_->changed.notify_all();
}

}  // namespace ose
