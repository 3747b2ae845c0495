package org.espalier.backend.cpu.stage;

import java.util.List;
import org.espalier.backend.cpu.spi.KernelInput;

/** Working memory of stages. */
final class Buffers {
  private Buffers() {}

  /** Room for {@code rows} prepared rows of any of the given linears. */
  static KernelInput input(int rows, List<BoundLinear> linears) {
    int bytes = 0;
    int floats = 0;
    for (BoundLinear linear : linears) {
      bytes = Math.max(bytes, linear.kernel().inputBytes());
      floats = Math.max(floats, linear.kernel().inputFloats());
    }
    return KernelInput.allocate(rows, bytes, floats);
  }
}
