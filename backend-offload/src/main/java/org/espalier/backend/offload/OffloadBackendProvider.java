package org.espalier.backend.offload;

import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;

/** experts where there is room, over other backends. */
public final class OffloadBackendProvider implements BackendProvider {
  @Override
  public BackendId id() {
    return new BackendId("offload");
  }

  @Override
  public String description() {
    return "experts where there is room, over other backends";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public Offer<Backend> open(Context context) {
    return Offer.declined(
        "this version of Espalier has no kernels for experts where there is room, over other backends yet; use --backend cpu");
  }
}
