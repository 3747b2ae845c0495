package org.espalier.backend.cpu;

import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.testkit.contract.BackendContract;

/** The CPU backend computes what the reference computes. */
class CpuBackendTest extends BackendContract {
  @Override
  protected Backend newBackend(int threads) {
    return new CpuBackendProvider()
        .open(
            new BackendProvider.Context() {
              @Override
              public int threads() {
                return threads;
              }

              @Override
              public Map<String, String> settings() {
                return Map.of();
              }

              @Override
              public Offer<Backend> other(BackendId id) {
                return Offer.declined("there is no other");
              }
            })
        .orElseThrow(Unsupported::new);
  }
}
