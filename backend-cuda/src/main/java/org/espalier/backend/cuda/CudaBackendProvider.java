package org.espalier.backend.cuda;

import org.espalier.api.EspalierException.DeviceFailure;
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
    try {
      return switch (Gpu.describe(settings.device())) {
        case Offer.Declined<GpuInfo>(String reason) -> Offer.declined(reason);
        case Offer.Accepted<GpuInfo>(GpuInfo info) -> open(info, settings);
      };
    } catch (DeviceFailure e) {
      // What cannot start is declined like what is not there: another backend can take over.
      return Offer.declined(String.valueOf(e.getMessage()));
    }
  }

  private Offer<Backend> open(GpuInfo info, Settings settings) {
    if (info.capability() < Modules.OLDEST) {
      return Offer.declined(
          "%s has compute capability %d.%d, and 7.5 is the least"
              .formatted(info.name(), info.capability() / 10, info.capability() % 10));
    }
    Gpu gpu = Gpu.open(info, Modules.text(info.capability()));
    try {
      return Offer.accepted(new CudaBackend(id(), gpu, settings));
    } catch (DeviceFailure e) {
      gpu.close();
      throw e;
    }
  }
}
