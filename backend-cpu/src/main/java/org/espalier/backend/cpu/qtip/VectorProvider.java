package org.espalier.backend.cpu.qtip;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.Supplier;
import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;
import org.jspecify.annotations.Nullable;

/** Offers kernels made of vector code, which prove themselves while the first model is loaded. */
final class VectorProvider implements CpuKernelProvider {
  private static final int SAMPLE_INPUTS = 272;

  /** Linears of so many tiles are those of a model that is worth any preparation. */
  private static final long LARGE = 4096;

  private final String name;
  private final int preference;
  private final Set<Precision> precisions;
  private final Optional<String> objection;
  private final long credit;
  private final Function<QtipCore, List<? extends CpuKernel>> kernels;

  /** Runs on a linear of the model, because the code then knows the right segments. */
  private @Nullable WarmUp warmUp;

  /**
   * @param objection what stands in the way on this machine
   * @param credit tiles, once per row, that small linears leave to the scalar kernel
   * @param kernels makes the kernels that are to compete, and at last a scalar one that gives the
   *     same bits
   */
  VectorProvider(
      String name,
      int preference,
      Set<Precision> precisions,
      Optional<String> objection,
      long credit,
      Function<QtipCore, List<? extends CpuKernel>> kernels) {
    this.name = name;
    this.preference = preference;
    this.precisions = precisions;
    this.objection = objection;
    this.credit = credit;
    this.kernels = kernels;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int preference() {
    return preference;
  }

  @Override
  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
    return switch (QtipCore.of(linear)) {
      case Offer.Declined<QtipCore>(String reason) -> Offer.declined(reason);
      case Offer.Accepted<QtipCore>(QtipCore core) -> offer(core, precision);
    };
  }

  private Offer<CpuKernel> offer(QtipCore core, Precision precision) {
    if (!precisions.contains(precision)) {
      return Offer.declined("rounds weights, which precision exact does not allow");
    }
    if (objection.isPresent()) {
      return Offer.declined(objection.get());
    }
    List<? extends CpuKernel> all = kernels.apply(core);
    List<CpuKernel> candidates = List.copyOf(all.subList(0, all.size() - 1));
    Supplier<WarmUp.Entrants> entrants = () -> entrants(core, candidates);
    WarmUp current = warmUp();
    if (credit == 0 || core.tileRows() * (long) core.tileColumns() >= LARGE) {
      current.beginAtOnce(entrants);
    }
    WarmUp.Outcome outcome = current.outcome();
    return outcome != null && outcome.winner() < 0
        ? Offer.declined(outcome.message())
        : Offer.accepted(
            new WarmKernel(candidates, all.getLast(), core.tileColumns(), current, entrants));
  }

  /** Whether nothing stands in the way on this machine. */
  boolean isPossible() {
    return objection.isEmpty();
  }

  /** What the vector kernels do with a model, on a few tiles. */
  List<Runnable> rehearsal(MemorySegment mapped) {
    return QtipRehearsal.steps(
        mapped,
        core -> {
          List<? extends CpuKernel> all = kernels.apply(core);
          return all.subList(0, all.size() - 1);
        });
  }

  private synchronized WarmUp warmUp() {
    WarmUp.Outcome outcome = warmUp == null ? null : warmUp.outcome();
    if (warmUp == null || outcome != null && !outcome.conclusive()) {
      warmUp = new WarmUp(credit);
    }
    return warmUp;
  }

  private WarmUp.Entrants entrants(QtipCore core, List<CpuKernel> candidates) {
    List<? extends CpuKernel> sample = kernels.apply(sample(core, SAMPLE_INPUTS));
    List<? extends CpuKernel> primer = kernels.apply(sample(core, QtipCore.TILE));
    return new WarmUp.Entrants(
        candidates,
        core.shape().inputs(),
        List.copyOf(sample.subList(0, sample.size() - 1)),
        sample.getLast(),
        SAMPLE_INPUTS,
        List.copyOf(primer.subList(0, primer.size() - 1)));
  }

  /**
   * One row of tiles: the first of the model where there are enough, so that the code meets the
   * kind of memory it will read later and no other. (Loads from mapped and from allocated memory
   * are two cases; code compiled for both loses a tenth of its speed.) Random ones elsewhere.
   */
  private static QtipCore sample(QtipCore core, int inputs) {
    LinearShape shape = new LinearShape(1, QtipCore.TILE, inputs);
    long size = (long) inputs / QtipCore.TILE * QtipCore.BLOCK_BYTES;
    if (core.tiles().byteSize() >= size) {
      return new QtipCore(core.tiles().asSlice(0, size), core.codebook(), shape);
    }
    byte[] bytes = new byte[Math.toIntExact(size)];
    new SplittableRandom(17).nextBytes(bytes);
    for (int at = 0; at < bytes.length; at += QtipCore.BLOCK_BYTES) {
      bytes[at] = 0;
      bytes[at + 1] = 0x3C; // one, in half precision
    }
    MemorySegment tiles = Arena.ofAuto().allocate(bytes.length);
    MemorySegment.copy(bytes, 0, tiles, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return new QtipCore(tiles, core.codebook(), shape);
  }
}
