package org.espalier.backend.cpu.spi;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;

/**
 * A service: kernels that know how to multiply by linears of one kind. For each operator the
 * accepting provider of the highest preference is taken.
 */
public interface CpuKernelProvider {

  /** Its name, as {@code explain} shows it: {@code "qtip-vbmi"}. */
  String name();

  /** The higher, the sooner asked. The kernel that can run anything has 0. */
  int preference();

  /**
   * A kernel for the core of a linear, or why not: another codec, a layout it does not know, a CPU
   * without the instructions, or a precision that it does not keep. Cheap: it reads no weights.
   */
  Offer<CpuKernel> offer(EncodedLinear linear, Precision precision);
}
