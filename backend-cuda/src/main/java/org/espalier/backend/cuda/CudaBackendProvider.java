package org.espalier.backend.cuda;

import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;

/** NVIDIA GPUs. */
public final class CudaBackendProvider implements BackendProvider {
  @Override
  public BackendId id() {
    return new BackendId("cuda");
  }

  @Override
  public String description() {
    return "NVIDIA GPUs";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public Offer<Backend> open(Context context) {
    return Offer.declined(
        "this version of Espalier has no kernels for NVIDIA GPUs yet; use --backend cpu");
  }
}
