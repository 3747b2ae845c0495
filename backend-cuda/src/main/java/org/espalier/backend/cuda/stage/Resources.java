package org.espalier.backend.cuda.stage;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.function.IntFunction;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.weights.DeviceMemory;
import org.jspecify.annotations.Nullable;

/** What the stages of an executable share. */
final class Resources {
  private final Launches launches;
  private final Scratch scratch;
  private final Entrance entrance;
  private final DeviceMemory memory;
  private @Nullable Arrivals arrivals;
  private long partials;

  Resources(Launches launches, Scratch scratch, DeviceMemory memory, int width) {
    this.launches = launches;
    this.scratch = scratch;
    this.memory = memory;
    this.entrance = new Entrance(launches, scratch, width);
  }

  Launches launches() {
    return launches;
  }

  Scratch scratch() {
    return scratch;
  }

  Entrance entrance() {
    return entrance;
  }

  /** Where stretches of attention are kept until they are joined. */
  long partials() {
    return partials;
  }

  void partials(long address) {
    partials = address;
  }

  /** Experts that come from the host's memory. */
  Arrivals arrivals() {
    return Objects.requireNonNull(arrivals);
  }

  void arrivals(Arrivals those) {
    arrivals = those;
  }

  /** Brings floats to the device. */
  long floats(MemorySegment values) {
    return memory.upload(values.toArray(ValueLayout.JAVA_BYTE));
  }

  /** Brings doubles to the device. */
  long doubles(double[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asDoubleBuffer().put(values);
    return memory.upload(bytes.array());
  }

  /** Shows rows to the observer, if it wants them. */
  void observe(Pass pass, ActivationSite site, long address, int rows, int width) {
    if (pass.isObserved() && pass.observer.wants(site)) {
      float[] values = new float[rows * width];
      gpu().download(values, address);
      pass.observer.rows(site, values, 0, rows, width, new float[0]);
    }
  }

  /** Shows the routing of every row, if it is wanted. */
  void observeRouting(Pass pass, int layer, int used) {
    if (pass.isObserved() && pass.observer.wantsRouting()) {
      int[] chosen = new int[pass.rows * used];
      float[] weights = new float[pass.rows * used];
      gpu().download(chosen, scratch.chosen());
      gpu().download(weights, scratch.weights());
      int[] experts = new int[used];
      float[] gates = new float[used];
      for (int row = 0; row < pass.rows; row++) {
        System.arraycopy(chosen, row * used, experts, 0, used);
        System.arraycopy(weights, row * used, gates, 0, used);
        pass.observer.routed(layer, pass.firstRow + row, experts, gates);
      }
    }
  }

  /**
   * Shows the rows of each expert that has any.
   *
   * @param expertStart address of where each expert's slots begin
   * @param address of rows
   * @param byRow whether those are rows of the chunk rather than slots
   */
  void observeExperts(
      Pass pass,
      IntFunction<ActivationSite> site,
      long expertStart,
      long address,
      boolean byRow,
      int used,
      int experts,
      int width) {
    Observer observer = pass.observer;
    if (!pass.isObserved()) {
      return;
    }
    int slots = pass.rows * used;
    int[] start = new int[experts + 1];
    int[] slotRow = new int[slots];
    float[] slotWeight = new float[slots];
    float[] rows = new float[(byRow ? pass.rows : slots) * width];
    gpu().download(start, expertStart);
    gpu().download(slotRow, scratch.slotRow());
    gpu().download(slotWeight, scratch.slotWeight());
    gpu().download(rows, address);
    for (int expert = 0; expert < experts; expert++) {
      int count = start[expert + 1] - start[expert];
      if (count > 0 && observer.wants(site.apply(expert))) {
        float[] values = new float[count * width];
        float[] gates = new float[count];
        for (int i = 0; i < count; i++) {
          int slot = start[expert] + i;
          int from = byRow ? slotRow[slot] : slot;
          System.arraycopy(rows, from * width, values, i * width, width);
          gates[i] = slotWeight[slot];
        }
        observer.rows(site.apply(expert), values, 0, count, width, gates);
      }
    }
  }

  private Gpu gpu() {
    return launches.gpu();
  }
}
