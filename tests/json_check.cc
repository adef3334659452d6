// Checks JSON for the end-to-end tests.
//   json_check FILE CHECK...      POINTER:TYPE or POINTER=VALUE, where POINTER is a JSON pointer whose
//                                 segment * stands for every element, of which there must be one
//   json_check FILE --get POINTER prints a value; strings without quotes
// TYPE: string, number, integer, boolean, array, object, or interval: [lo, hi] with lo <= hi.
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using nlohmann::json;

bool HasType(const json& j, const std::string& type) {
  if (type == "string") return j.is_string();
  if (type == "number") return j.is_number();
  if (type == "integer") return j.is_number_integer();
  if (type == "boolean") return j.is_boolean();
  if (type == "array") return j.is_array();
  if (type == "object") return j.is_object();
  if (type == "interval") return j.is_array() && j.size() == 2 && j[0].is_number() && j[1].is_number() && j[0] <= j[1];
  throw std::runtime_error("unknown type " + type);
}

// The next segment of a pointer, taken off its front.
std::string TakeSegment(std::string& pointer) {
  size_t end = pointer.find('/', 1);
  std::string segment = pointer.substr(1, end == std::string::npos ? end : end - 1);
  pointer = end == std::string::npos ? "" : pointer.substr(end);
  return segment;
}

template <class Test>
void ForEach(const json& j, std::string pointer, const std::string& where, const Test& test) {
  if (pointer.empty()) return test(j, where);
  std::string segment = TakeSegment(pointer);
  if (segment == "*") {
    if (!j.is_structured() || j.empty()) throw std::runtime_error(where + " has no elements");
    for (auto& [key, value] : j.items()) ForEach(value, pointer, where + "/" + key, test);
    return;
  }
  json::json_pointer step("/" + segment);
  if (!j.is_structured() || !j.contains(step)) throw std::runtime_error("no " + where + "/" + segment);
  ForEach(j[step], pointer, where + "/" + segment, test);
}

void Check(const json& document, const std::string& check) {
  size_t at = check.find_first_of(":=");
  if (at == std::string::npos) throw std::runtime_error("bad check " + check);
  const std::string wanted = check.substr(at + 1);
  ForEach(document, check.substr(0, at), "", [&](const json& j, const std::string& where) {
    bool ok = check[at] == ':' ? HasType(j, wanted) : (j.is_string() ? j.get<std::string>() : j.dump()) == wanted;
    if (!ok) throw std::runtime_error(where + " is " + j.dump().substr(0, 200) + ", not " + wanted);
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw std::runtime_error("usage: json_check FILE CHECK... | FILE --get POINTER");
    std::ifstream in(argv[1]);
    const json document = json::parse(in);
    if (std::string(argv[2]) == "--get") {
      const json& j = document.at(json::json_pointer(argv[3]));
      std::cout << (j.is_string() ? j.get<std::string>() : j.dump()) << '\n';
      return 0;
    }
    for (int i = 2; i < argc; ++i) Check(document, argv[i]);
  } catch (const std::exception& e) {
    std::cerr << argv[1] << ": " << e.what() << '\n';
    return 1;
  }
}
