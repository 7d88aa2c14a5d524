// Loads a policy and lets it decide once, in C++ and without Python.
//
//   g++ -std=c++20 -O1 act.cpp -I$TORCH/include -L$TORCH/lib -ltorch -ltorch_cpu -lc10 -Wl,-rpath,$TORCH/lib -o act
//   ./act policy.pt 32 32 4 7
//
// where TORCH is libtorch's folder, or that of a pip-installed torch package, and the numbers are the image's height
// and width, the length of the state, and the seed. The image is grey and the state zero.
// Prints the action, its Q, and the statistics of every iteration.

#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <vector>

#include <torch/csrc/jit/serialization/import.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

static void print_line(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous().view(-1);
  for (int64_t i = 0; i < flat.numel(); ++i) std::cout << flat.data_ptr<float>()[i] << ' ';
  std::cout << '\n';
}

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: act policy.pt height width state_size seed\n";
    return 2;
  }
  const int64_t height = std::atoll(argv[2]), width = std::atoll(argv[3]), state_size = std::atoll(argv[4]);
  try {
    torch::jit::Module policy = torch::jit::load(argv[1]);
    const at::Tensor image = at::full({1, height, width, 3}, 128, at::kByte);
    const at::Tensor state = at::zeros({1, state_size});
    const std::vector<c10::IValue> inputs{image, state, static_cast<int64_t>(std::atoll(argv[5]))};
    const auto result = policy.get_method("act")(inputs).toTuple();
    std::cout << std::setprecision(9);
    for (const c10::IValue& part : result->elements()) print_line(part.toTensor());
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
