package org.espalier.backend.cuda.weights;

import org.espalier.api.linear.OperatorId;

/** Where the matrices of a bank live. Kernels read either through the same table of addresses. */
@FunctionalInterface
public interface Placement {
  /** Everything in device memory. */
  Placement ALL_ON_DEVICE = (_, _) -> Home.DEVICE;

  /** The home of one matrix; asked once for each. */
  Home home(OperatorId operator, int expert);

  /** Kinds of memory. */
  enum Home {
    /** The GPU's own. */
    DEVICE,
    /** Page-locked memory of the host, which the GPU reads in place. */
    HOST
  }
}
