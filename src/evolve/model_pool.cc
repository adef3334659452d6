#include "evolve/model_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "llm/patch.h"

namespace ose {
namespace {

constexpr size_t kNotesBytes = 4000;

// What some attempt did not report is estimated from the texts, from above, but never below what the others did.
Usage Estimated(const Prompt& prompt, const ChatReply& reply) {
  Usage u = reply.usage;
  if (!u.reported && reply.attempts > 0) {
    u.input = std::max(u.input, prompt.tokens * reply.attempts);
    u.output = std::max(u.output, EstimateTokens(reply.text));
  }
  return u;
}

}  // namespace

ModelPool::ModelPool(std::vector<ModelArm> arms, const PromptTemplates& templates, Ledger& ledger, RunDb& db, int64_t first_call)
    : arms_(std::move(arms)), templates_(templates), ledger_(ledger), db_(db), next_call_(first_call), arm_in_flight_(arms_.size(), 0) {}

ModelPool::~ModelPool() {
  Cancel();
  for (std::thread& t : threads_) t.join();
}

bool ModelPool::HasRoom(int arm) const { return arm_in_flight_[static_cast<size_t>(arm)] < arms_[static_cast<size_t>(arm)].concurrency; }

void ModelPool::Start(ModelRequest request) {
  ++in_flight_;
  ++arm_in_flight_[static_cast<size_t>(request.arm)];
  threads_.emplace_back([this, request = std::move(request)]() mutable {
    ModelResult result = Run(std::move(request));
    {
      std::lock_guard lock(mutex_);
      done_.push_back(std::move(result));
    }
    wake_.notify_one();
  });
}

std::optional<ModelResult> ModelPool::Take(Nanos timeout) {
  std::unique_lock lock(mutex_);
  if (!wake_.wait_for(lock, std::chrono::nanoseconds(timeout.v), [&] { return !done_.empty(); })) return std::nullopt;
  ModelResult result = std::move(done_.front());
  done_.pop_front();
  lock.unlock();
  --in_flight_;
  --arm_in_flight_[static_cast<size_t>(result.arm)];
  // Threads are few and end at once after their result; those of calls still in flight stay.
  if (in_flight_ == 0) {
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }
  return result;
}

ModelResult ModelPool::Run(ModelRequest request) {
  ModelResult result;
  result.arm = request.arm;
  result.task = request.prompt.task;
  result.stance_arm = request.stance_arm;
  result.parent = request.parent;
  result.repairs = request.repairs;
  result.island = request.island;
  if (request.profile) request.prompt.profile = request.profile();
  RunCall(request, &result);
  // A patch that does not apply is worth one more call: the idea is there already.
  const bool patch_failed = !result.ok && result.failure == CallFailure::kNone && !result.reason.empty() && request.prompt.task != PromptTask::kNotes &&
                            request.prompt.task != PromptTask::kRepair && !request.prompt.failed_reply.empty() && !cancel_;
  if (patch_failed) {
    const std::string first_reason = result.reason;
    request.prompt.repair_kind = PatchKindOf(request.prompt.task);
    request.prompt.task = PromptTask::kRepair;
    request.prompt.failed_reason = first_reason;
    RunCall(request, &result);
    if (!result.ok) result.reason = first_reason + "; the repair: " + result.reason;
    // A repair that was never sent takes nothing back: the first call was made, and its reply was unusable.
    if (result.over_budget || result.failure == CallFailure::kCancelled) {
      result.over_budget = false;
      result.failure = CallFailure::kNone;
    }
  }
  return result;
}

// One call, booked and recorded. Leaves the reply in request.prompt.failed_reply when its patch does not
// apply but might be repaired.
void ModelPool::RunCall(ModelRequest& request, ModelResult* result) {
  const ModelArm& arm = arms_[static_cast<size_t>(request.arm)];
  const PromptInput& input = request.prompt;
  auto fail = [&](CallFailure failure, std::string reason) {
    result->ok = false;
    result->failure = failure;
    result->reason = std::move(reason);
  };
  if (cancel_) return fail(CallFailure::kCancelled, "the search is ending");
  Result<Prompt> prompt = BuildPrompt(templates_, input, arm.window - arm.max_output_tokens);
  if (!prompt.ok()) return fail(CallFailure::kRefused, prompt.error().message);

  const Price price = arm.price.value_or(Price{});
  const int64_t most_tokens = prompt->tokens + arm.max_output_tokens;
  const double most_usd = Cost(price, {.input = prompt->tokens, .cache_write = prompt->tokens, .output = arm.max_output_tokens});
  std::optional<Ledger::Ticket> ticket = ledger_.Reserve(most_usd, most_tokens);
  if (!ticket) {
    result->over_budget = true;
    return fail(CallFailure::kCancelled, ledger_.Exhausted());
  }
  ModelCall call;
  call.id = next_call_++;
  call.purpose = input.task == PromptTask::kNotes ? "notes" : input.task == PromptTask::kRepair ? "repair" : "propose";
  call.arm = arm.name;
  call.request = request.stance_arm;
  call.provider = arm.provider;
  call.model = arm.model;
  call.system = prompt->system;
  call.user = prompt->user;
  call.usd = most_usd;
  call.input = prompt->tokens;
  call.output = arm.max_output_tokens;
  if (Status s = db_.BeginModelCall(call); !s.ok()) {
    ledger_.Settle(*ticket, 0, 0, 0);
    return fail(CallFailure::kRefused, s.error().message);
  }

  ChatRequest chat;
  chat.system = prompt->system;
  chat.user = prompt->user;
  chat.temperature = arm.temperature;
  chat.effort = arm.effort;
  chat.max_output_tokens = arm.max_output_tokens;
  // Every further attempt may cost as much as the first.
  chat.may_retry = [&](const Usage&) {
    std::optional<Ledger::Ticket> more = ledger_.Reserve(most_usd, most_tokens, 0);
    if (!more) return false;
    ticket->usd += more->usd;
    ticket->tokens += more->tokens;
    return true;
  };
  ChatReply reply = arm.chat->Complete(chat, &cancel_);
  const Usage usage = Estimated(*prompt, reply);
  const double usd = Cost(price, usage);
  const bool sent = reply.attempts > 0;
  ledger_.Settle(*ticket, usd, usage.input + usage.output, sent ? 1 : 0);

  result->call = call.id;
  result->calls += sent ? 1 : 0;
  result->usd += usd;
  result->seconds += reply.took.s();
  request.prompt.failed_reply.clear();
  call.reply = reply.text;
  call.usd = usd;
  call.input = usage.input;
  call.cached_input = usage.cached_input;
  call.cache_write = usage.cache_write;
  call.output = usage.output;
  call.reasoning = usage.reasoning;
  call.estimated = sent && !usage.reported;
  call.attempts = reply.attempts;
  call.took = reply.took;
  if (!reply.model.empty()) call.model = reply.model;
  if (!reply.ok()) {
    call.failure = CallFailureName(reply.failure);
    call.reason = reply.reason;
    fail(reply.failure, std::string(CallFailureName(reply.failure)) + ": " + reply.reason);
  } else if (input.task == PromptTask::kNotes) {
    result->ok = true;
    result->failure = CallFailure::kNone;
    result->note = NotesFromReply(reply.text, kNotesBytes);
  } else {
    const PatchKind asked = input.task == PromptTask::kRepair ? input.repair_kind : PatchKindOf(input.task);
    PatchResult patch = ApplyReply(reply.text, asked, PatchBase(input));
    call.patch_kind = PatchKindName(patch.kind);
    call.patch_outcome = PatchOutcomeName(patch.outcome);
    result->failure = CallFailure::kNone;
    result->ok = patch.ok();
    result->note = patch.summary;
    if (patch.ok()) {
      result->source = std::move(patch.source);
      result->reason.clear();
    } else {
      result->reason = patch.reason;
      if (reply.truncated) result->reason = fmt::format("the reply hit its limit of {} tokens (option max_tokens); ", arm.max_output_tokens) + result->reason;
      call.reason = result->reason;
      if (patch.repairable()) request.prompt.failed_reply = reply.text;
    }
  }
  if (Status s = db_.FinishModelCall(call); !s.ok()) fail(CallFailure::kRefused, s.error().message);
}

}  // namespace ose
