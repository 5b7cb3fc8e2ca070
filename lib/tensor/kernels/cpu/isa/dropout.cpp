#include "tensor/kernels/cpu/isa/dropout_vec.h"
#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"

namespace llmops::tensor::LLMOPS_ISA {

void dropout(cpu::Act x, Index rows, Index columns, const DropoutMask& mask) {
  if (mask.threshold == 0) return;
  with_type(x, [&](auto* data) {
    parallel_for(rows, ceil_div(4096, columns), [&](Index begin, Index end) {
      float scales[kMaskColumns];
      for (Index r = begin; r < end; ++r) {
        for (Index c = 0; c < columns; c += kMaskColumns) {
          mask_scales(mask, static_cast<std::uint64_t>(r), c, scales);
          auto* part = data + r * columns + c;
          each_vector(min(kMaskColumns, columns - c), [&](Index i, Index n) {
            store_n(part + i, load_n(part + i, n) * load(scales + i), n);
          });
        }
      }
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
