#include <algorithm>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "commands.h"
#include "failure.h"

namespace {

constexpr char kHelp[] =
    R"(liif-runner run PROGRAM.pte --input A.npy[,B.npy...] [--input ...] --output-dir DIR
    runs a method on sets of float32 arrays, writes DIR/0000.npy, ..., and reports times as JSON
    --method NAME    forward by default
    --warmup N       runs that are not timed, before each set's (0)
    --repeat N       timed runs of each set (1)

liif-runner upscale ARTIFACT_DIR IN.png OUT.png
    upscales a picture with an artifact of a fixed scale
    --tile N         LR pixels a side, halo included (the card's)
    --halo N         LR pixels (the card's)
    --effort N       0 to 100: how much of an average photograph --bigger makes, where the
                     artifact's router predicts that it gains most
    --bigger DIR     the artifact of the network that the router knows

both
    --threads N      the runtime's choice by default
    --force          replaces outputs that exist
    -v               shows the runtime's log

exit codes: 0 ok, 2 the input is wrong, 3 the environment lacks something
)";

void run_command(const std::vector<std::string>& words) {
  if (words.empty()) throw liif::Failure("expected a command, run or upscale, found none; --help shows how");
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (std::find(words.begin(), words.end(), "--help") != words.end()) {
    std::cout << kHelp;
  } else if (words[0] == "run") {
    liif::run_tiles(rest);
  } else if (words[0] == "upscale") {
    liif::upscale(rest);
  } else {
    throw liif::Failure("expected a command, run or upscale, found " + words[0] + "; --help shows how");
  }
}

int fail(const std::string& message, liif::Exit exit) {
  std::cerr << "liif-runner: " << message << std::endl;
  return static_cast<int>(exit);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run_command({argv + 1, argv + argc});
    return static_cast<int>(liif::Exit::kOk);
  } catch (const liif::Failure& failure) {
    return fail(failure.what(), failure.exit);
  } catch (const std::bad_alloc&) {
    return fail("expected enough memory, found too little for this input", liif::Exit::kEnvironment);
  }
}
