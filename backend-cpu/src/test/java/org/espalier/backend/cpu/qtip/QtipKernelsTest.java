package org.espalier.backend.cpu.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import jdk.incubator.vector.VectorShape;
import org.espalier.api.EspalierException;
import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What providers offer, and what they say when they do not. */
class QtipKernelsTest {
  private final RandomBank bank = new RandomBank(2, 32, 512, 0.02f, 91);

  @Test
  void runsInItsModule() {
    assertTrue(QtipKernels.class.getModule().isNamed());
  }

  @Test
  void theFastestComesFirst() {
    List<Integer> preferences =
        QtipKernels.providers().stream().map(CpuKernelProvider::preference).toList();
    assertEquals(preferences.stream().sorted((a, b) -> b - a).toList(), preferences);
    assertTrue(preferences.getLast() > 0, "sooner asked than the kernel for anything");
  }

  @Test
  void exactPrecisionDeclinesRoundedWeights() {
    assertReason(
        "rounds weights", KernelRun.provider("qtip-vbmi").offer(bank.linear(), Precision.EXACT));
  }

  @Test
  void narrowVectorsAreSaidToBeTooNarrow() {
    int bits = VectorShape.preferredShape().vectorBitSize();
    Offer<CpuKernel> vbmi = KernelRun.provider("qtip-vbmi").offer(bank.linear(), Precision.FAST);
    if (bits < 512) {
      assertReason("512 bits, where this JVM uses " + bits, vbmi);
    }
    Offer<CpuKernel> gather =
        KernelRun.provider("qtip-gather").offer(bank.linear(), Precision.FAST);
    assertEquals(bits < 256, gather instanceof Offer.Declined, "gather at " + bits + " bits");
  }

  @ParameterizedTest
  @EnumSource
  void whateverIsOfferedComputesTheLinear(Precision precision) {
    float[] x = KernelRun.gaussian(3 * 512, 92);
    int offered = 0;
    for (CpuKernelProvider any : QtipKernels.providers()) {
      CpuKernelProvider provider = KernelRun.provider(any.name());
      if (provider.offer(bank.linear(), precision) instanceof Offer.Accepted<CpuKernel> accepted) {
        offered++;
        float[] y = KernelRun.multiply(accepted.value(), bank.linear(), 1, x, 3, 0, 16, 32);
        double limit = provider.name().equals("qtip-vbmi") ? 0.02 : 1e-6;
        for (int row = 0; row < 3; row++) {
          double error = KernelRun.relativeError(bank.multiply(1, x, row * 512), y, row * 32);
          assertTrue(error < limit, provider.name() + ": " + error);
        }
      }
    }
    assertTrue(offered >= 1);
  }

  @Test
  void onlyWhatTheyCanReadIsAccepted() {
    EncodedLinear good = bank.linear();
    for (CpuKernelProvider provider : QtipKernels.providers()) {
      assertReason(
          "not plain", offer(provider, bank.linear("plain", 1, bank.tiles, bank.codebook)));
      assertReason("layout 1", offer(provider, bank.linear("qtip", 2, bank.tiles, bank.codebook)));
      assertReason(
          "blocks of 68 bytes",
          offer(provider, bank.linear("qtip", 1, bank.tiles.asSlice(68), bank.codebook)));
      assertReason(
          "512 × 2", offer(provider, bank.linear("qtip", 1, bank.tiles, bank.codebook.asSlice(8))));
      EncodedLinear without =
          new EncodedLinear(good.id(), good.codec(), 1, good.shape(), good.form(), Map.of());
      assertReason("\"tiles\"", offer(provider, without));
    }
  }

  @Test
  void theSelfTestRejectsAKernelThatComputesSomethingElse() {
    QtipCore core = QtipCore.of(bank.linear()).orElseThrow(EspalierException.Unsupported::new);
    QtipCore other =
        QtipCore.of(new RandomBank(2, 32, 512, 0.02f, 93).linear())
            .orElseThrow(EspalierException.Unsupported::new);
    CpuKernel right = QtipKernels.scalar(core);
    CpuKernel wrong = QtipKernels.scalar(other);
    WarmUp.Entrants entrants =
        new WarmUp.Entrants(List.of(wrong), 512, List.of(wrong), right, 512, List.of(wrong));
    WarmUp warmUp = new WarmUp(0);
    warmUp.beginAtOnce(() -> entrants);
    assertEquals(-1, warmUp.winner(1, () -> entrants));
    WarmUp.Outcome outcome = warmUp.outcome();
    assertTrue(outcome != null && outcome.message().contains("wrong results"), () -> "" + outcome);
    float[] x = KernelRun.gaussian(512, 94);
    assertArrayEquals(
        KernelRun.multiply(right, bank.linear(), 0, x, 1, 0, 32),
        KernelRun.multiply(
            new WarmKernel(List.of(wrong), right, 32, warmUp, () -> entrants),
            bank.linear(),
            0,
            x,
            1,
            0,
            32),
        "the scalar kernel stands in");
  }

  @Test
  void aLittleWorkIsLeftToTheScalarKernel() {
    QtipCore core = QtipCore.of(bank.linear()).orElseThrow(EspalierException.Unsupported::new);
    CpuKernel scalar = QtipKernels.scalar(core);
    CpuKernel oneTile =
        QtipKernels.scalar(
            QtipCore.of(new RandomBank(1, 16, 16, 0.02f, 96).linear())
                .orElseThrow(EspalierException.Unsupported::new));
    AtomicInteger begun = new AtomicInteger();
    Supplier<WarmUp.Entrants> entrants =
        () -> {
          begun.incrementAndGet();
          return new WarmUp.Entrants(
              List.of(scalar), 512, List.of(scalar), scalar, 512, List.of(oneTile));
        };
    // Two calls of 2 × 32 tiles for one row, and the third is too much.
    WarmUp warmUp = new WarmUp(2 * 2 * 32);
    WarmKernel kernel = new WarmKernel(List.of(scalar), scalar, 32, warmUp, entrants);
    float[] x = KernelRun.gaussian(512, 95);
    float[] first = KernelRun.multiply(kernel, bank.linear(), 0, x, 1, 0, 32);
    KernelRun.multiply(kernel, bank.linear(), 0, x, 1, 0, 32);
    assertEquals(0, begun.get());
    assertArrayEquals(first, KernelRun.multiply(kernel, bank.linear(), 0, x, 1, 0, 32));
    assertEquals(1, begun.get());
    assertTrue(kernel.selfTest().orElseThrow().contains("ns per tile"), kernel.selfTest()::get);
    assertEquals(0, warmUp.winner(1, entrants));
    assertEquals(1, begun.get());
  }

  @Test
  void flagsAreReadWhereTheSystemTellsThem(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("cpuinfo");
    assertFalse(CpuFlags.read(file).known());
    assertTrue(CpuFlags.read(file).mayHave("avx2"), "nobody knows");
    Files.writeString(file, "processor\t: 0\nflags\t\t: fpu avx2  fma\nbugs\t: none\n");
    assertEquals(new CpuFlags(true, Set.of("fpu", "avx2", "fma")), CpuFlags.read(file));
    assertFalse(CpuFlags.read(file).mayHave("avx512vbmi"));
  }

  private static Offer<CpuKernel> offer(CpuKernelProvider provider, EncodedLinear linear) {
    return provider.offer(linear, Precision.FAST);
  }

  private static void assertReason(String part, Offer<CpuKernel> offer) {
    String reason = assertInstanceOf(Offer.Declined.class, offer).reason().toString();
    assertTrue(reason.contains(part), reason);
  }
}
