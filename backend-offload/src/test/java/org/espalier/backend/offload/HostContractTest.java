package org.espalier.backend.offload;

import org.espalier.api.backend.Backend;
import org.espalier.testkit.contract.BackendContract;

/** Over a host alone, with a plan that is in memory already. */
class HostContractTest extends BackendContract {
  @Override
  protected Backend newBackend(int threads) {
    return Others.overHost();
  }
}
