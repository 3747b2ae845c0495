package org.espalier.backend.cpu.qtip;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import jdk.incubator.vector.VectorShape;
import org.espalier.api.backend.Precision;
import org.espalier.backend.cpu.spi.CpuKernelProvider;
import org.jspecify.annotations.Nullable;

/** The kernels of this package. */
public final class QtipKernels {
  /**
   * Names the only kernel to be used, for tests and comparisons, or says "all". With either,
   * kernels are tried at once, however small the model is.
   */
  public static final String ONLY = "espalier.cpu.kernel";

  /**
   * Tiles, once per row, that a small model leaves to the scalar kernel: less than a second of one
   * core, and some 25 tokens of the demo model.
   */
  private static final long SMALL_WORK = 400_000;

  private static final Set<Precision> ANY = Set.of(Precision.values());

  private QtipKernels() {}

  /**
   * All of them, the fastest first; or the one that the system property {@value #ONLY} names. Each
   * list has its own self-tests, so that one list per process is enough.
   */
  public static List<CpuKernelProvider> providers() {
    return providers(System.getProperty(ONLY));
  }

  /**
   * What the kernel that this machine probably chooses does with a model, on a few tiles.
   *
   * @param mapped at least 2 KB
   */
  public static List<Runnable> rehearsal(MemorySegment mapped) {
    return providers().stream()
        .filter(VectorProvider.class::isInstance)
        .map(VectorProvider.class::cast)
        .filter(VectorProvider::isPossible)
        .findFirst()
        .map(provider -> provider.rehearsal(mapped))
        .orElse(List.of());
  }

  /** As {@link #providers()}, where the property has that value. */
  static List<CpuKernelProvider> providers(@Nullable String only) {
    long credit = only == null ? SMALL_WORK : 0;
    List<CpuKernelProvider> all =
        List.of(
            new VectorProvider(
                "qtip-vbmi",
                400,
                Set.of(Precision.FAST),
                withoutVbmi(CpuFlags.read()),
                credit,
                core -> {
                  ByteCodebook codebook = new ByteCodebook(core.codebook());
                  return List.of(
                      new ByteKernel("qtip-vbmi", core, codebook, new VbmiMultiplier(codebook)),
                      new ByteKernel(
                          "qtip-bytes", core, codebook, new ScalarByteMultiplier(codebook)));
                }),
            new VectorProvider(
                "qtip-gather",
                300,
                ANY,
                withoutGather(),
                credit,
                core -> List.of(gather(core), lanes(core), scalar(core))),
            new VectorProvider(
                "qtip-lanes",
                200,
                ANY,
                withoutVectors(),
                credit,
                core -> List.of(lanes(core), scalar(core))),
            new ScalarProvider("qtip-scalar", 100));
    return only == null || all.stream().noneMatch(provider -> provider.name().equals(only))
        ? all
        : all.stream().filter(provider -> provider.name().equals(only)).toList();
  }

  private static ExactKernel gather(QtipCore core) {
    return new ExactKernel(
        "qtip-gather",
        core,
        new GatherPanelDecoder(new PairTable(core.codebook())),
        new VectorPanelMultiplier());
  }

  private static ExactKernel lanes(QtipCore core) {
    return new ExactKernel(
        "qtip-lanes",
        core,
        new LanePanelDecoder(new PairTable(core.codebook())),
        new VectorPanelMultiplier());
  }

  static ExactKernel scalar(QtipCore core) {
    return new ExactKernel(
        "qtip-scalar",
        core,
        new ScalarPanelDecoder(new PairTable(core.codebook())),
        new ScalarPanelMultiplier());
  }

  private static Optional<String> withoutVbmi(CpuFlags flags) {
    if (vectorBits() < 512) {
      return Optional.of("needs vectors of 512 bits, where this JVM uses " + vectorBits());
    }
    return flags.mayHave("avx512vbmi") && flags.mayHave("avx512bw")
        ? Optional.empty()
        : Optional.of("needs a CPU with AVX-512 VBMI");
  }

  private static Optional<String> withoutGather() {
    return vectorBits() < 256
        ? Optional.of("needs vectors of 256 bits, where this JVM uses " + vectorBits())
        : withoutVectors();
  }

  private static Optional<String> withoutVectors() {
    return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
        ? Optional.empty()
        : Optional.of("needs a little-endian CPU");
  }

  private static int vectorBits() {
    return VectorShape.preferredShape().vectorBitSize();
  }
}
