package org.espalier.backend.offload;

import java.util.HashMap;
import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.testkit.reference.ReferenceBackend;

/**
 * Reference backends under the names {@code host} and {@code device}.
 *
 * @param settings of the backend under test
 */
record Others(Map<String, String> settings) implements BackendProvider.Context {
  Others {
    settings = Map.copyOf(settings);
  }

  /** Over a host alone, with settings. */
  static Backend overHost(String... settings) {
    return open(settings, "offload-host", "host");
  }

  /** Over a host and a device, with settings. */
  static Backend overBoth(String... settings) {
    return open(settings, "offload-host", "host", "offload-device", "device");
  }

  private static Backend open(String[] settings, String... more) {
    Map<String, String> all = new HashMap<>();
    for (String[] pairs : new String[][] {settings, more}) {
      for (int i = 0; i < pairs.length; i += 2) {
        all.put(pairs[i], pairs[i + 1]);
      }
    }
    return new OffloadBackendProvider().open(new Others(all)).orElseThrow(Unsupported::new);
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public Offer<Backend> other(BackendId id) {
    return switch (id.value()) {
      case "host", "device" -> Offer.accepted(ReferenceBackend.create());
      default -> Offer.declined("there is no backend " + id);
    };
  }
}
