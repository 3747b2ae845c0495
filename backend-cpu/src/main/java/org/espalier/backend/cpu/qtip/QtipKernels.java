package org.espalier.backend.cpu.qtip;

import java.util.List;
import java.util.function.Function;
import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/** The kernels of this package. */
public final class QtipKernels {
  private QtipKernels() {}

  /** All of them, the fastest first. */
  public static List<CpuKernelProvider> providers() {
    return List.of(
        new Exact(
            "qtip-vbmi",
            400,
            core -> {
              ByteCodebook codebook = new ByteCodebook(core.codebook());
              return new ByteKernel("qtip-vbmi", core, codebook, new VbmiMultiplier(codebook));
            }),
        new Exact(
            "qtip-gather",
            300,
            core ->
                new ExactKernel(
                    "qtip-gather",
                    core,
                    new GatherPanelDecoder(new PairTable(core.codebook())),
                    new VectorPanelMultiplier())),
        new Exact(
            "qtip-lanes",
            200,
            core ->
                new ExactKernel(
                    "qtip-lanes",
                    core,
                    new LanePanelDecoder(new PairTable(core.codebook())),
                    new VectorPanelMultiplier())),
        new Exact(
            "qtip-scalar",
            100,
            core ->
                new ExactKernel(
                    "qtip-scalar",
                    core,
                    new ScalarPanelDecoder(new PairTable(core.codebook())),
                    new ScalarPanelMultiplier())));
  }

  private record Exact(String name, int preference, Function<QtipCore, CpuKernel> kernel)
      implements CpuKernelProvider {
    @Override
    public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
      return QtipCore.of(linear).map(kernel);
    }
  }
}
