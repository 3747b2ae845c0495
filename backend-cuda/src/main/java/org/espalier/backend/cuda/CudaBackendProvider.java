package org.espalier.backend.cuda;

import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.GpuInfo;
import org.espalier.backend.cuda.kernel.Modules;

/** NVIDIA GPUs. */
public final class CudaBackendProvider implements BackendProvider {
  @Override
  public BackendId id() {
    return new BackendId("cuda");
  }

  @Override
  public String description() {
    return "NVIDIA GPUs, from compute capability 7.5 on";
  }

  @Override
  public int preference() {
    return 200;
  }

  @Override
  public Offer<Backend> open(Context context) {
    Settings settings = Settings.of(context.settings());
    return switch (Gpu.describe(settings.device())) {
      case Offer.Declined<GpuInfo>(String reason) -> Offer.declined(reason);
      case Offer.Accepted<GpuInfo>(GpuInfo info) ->
          info.capability() < Modules.OLDEST
              ? Offer.declined(
                  "%s has compute capability %d.%d, and 7.5 is the least"
                      .formatted(info.name(), info.capability() / 10, info.capability() % 10))
              : Offer.accepted(
                  new CudaBackend(id(), Gpu.open(info, Modules.text(info.capability())), settings));
    };
  }
}
