package org.espalier.backend.cpu;

import java.io.IOException;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;

/** The backend that runs everywhere. */
public final class CpuBackendProvider implements BackendProvider {
  @Override
  public BackendId id() {
    return new BackendId("cpu");
  }

  @Override
  public String description() {
    return "plain CPUs, with vector instructions through jdk.incubator.vector";
  }

  @Override
  public int preference() {
    return 100;
  }

  @Override
  public Offer<Backend> open(Context context) {
    try {
      return Offer.accepted(new CpuBackend(id(), KernelRegistry.discover(), context.threads()));
    } catch (Unsupported e) {
      return Offer.declined(String.valueOf(e.getMessage()));
    }
  }

  @Override
  public void prepare() {
    try {
      Rehearsal.run();
    } catch (IOException _) {
      // Without a place for temporary files, compiling waits for the model.
    }
  }
}
