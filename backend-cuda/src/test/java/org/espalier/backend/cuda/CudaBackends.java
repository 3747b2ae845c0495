package org.espalier.backend.cuda;

import java.util.Map;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;

/** Starts the backend for tests. */
final class CudaBackends {
  private CudaBackends() {}

  static Backend open() {
    return open(Map.of());
  }

  static Backend open(Map<String, String> settings) {
    return offer(settings).orElseThrow(DeviceFailure::new);
  }

  static Offer<Backend> offer(Map<String, String> settings) {
    return new CudaBackendProvider()
        .open(
            new BackendProvider.Context() {
              @Override
              public int threads() {
                return 1;
              }

              @Override
              public Map<String, String> settings() {
                return settings;
              }

              @Override
              public Offer<Backend> other(BackendId id) {
                return Offer.declined("no other backend in this test");
              }
            });
  }
}
