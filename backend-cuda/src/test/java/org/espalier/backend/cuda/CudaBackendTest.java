package org.espalier.backend.cuda;

import org.espalier.api.backend.Backend;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.testkit.contract.BackendContract;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;

/** What every backend must hold to. */
@Tag("cuda")
class CudaBackendTest extends BackendContract {
  @BeforeEach
  void needsMachine() {
    Machine.need();
  }

  @Override
  protected Backend newBackend(int threads) {
    return CudaBackends.open();
  }
}
