package org.espalier.backend.offload;

import org.espalier.api.backend.Backend;
import org.espalier.testkit.contract.BackendContract;

/** Over two backends: the experts of the first layer on one, everything else on the other. */
class CompositionContractTest extends BackendContract {
  @Override
  protected Backend newBackend(int threads) {
    return Others.overBoth("n-cpu-moe", "1");
  }
}
