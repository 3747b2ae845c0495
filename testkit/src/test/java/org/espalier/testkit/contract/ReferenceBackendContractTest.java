package org.espalier.testkit.contract;

import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.backend.Backend;
import org.espalier.testkit.fixture.OpenContext;
import org.espalier.testkit.reference.ReferenceBackendProvider;

/** The reference backend holds to the contract that is written in terms of it. */
class ReferenceBackendContractTest extends BackendContract {
  @Override
  protected Backend newBackend(int threads) {
    return new ReferenceBackendProvider()
        .open(OpenContext.of(threads))
        .orElseThrow(DeviceFailure::new);
  }
}
