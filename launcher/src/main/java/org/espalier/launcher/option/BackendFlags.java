package org.espalier.launcher.option;

import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.ModelOptions;
import picocli.CommandLine.Option;

/** What computes, and how. */
public final class BackendFlags extends ComputationFlags {
  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads. Default: as many as there are physical cores, which -1 means too.")
  private int threads = -1;

  /** Worker threads. */
  public int threads() {
    if (threads == 0) {
      throw new InvalidRequest("-t 0: at least one thread is needed");
    }
    return threads < 0 ? PhysicalCores.count() : threads;
  }

  /** How to open a model. */
  public ModelOptions modelOptions(ModelFlags model) {
    return modelOptions(model, threads());
  }
}
