package org.espalier.backend.cuda.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.HostBuffer;
import org.espalier.backend.cuda.kernel.Bank;
import org.espalier.backend.cuda.kernel.Kernel;
import org.espalier.backend.cuda.kernel.Parameters;
import org.espalier.backend.cuda.kernel.Storage;
import org.espalier.backend.cuda.kernel.Turn;
import org.espalier.backend.cuda.weights.LoadedLinear.Codebook;
import org.jspecify.annotations.Nullable;

/** Brings linears into device memory, one after another. */
public final class Loader {
  private static final int BLOCK_BYTES = 68;
  private static final int TILE = 16;
  private static final long STAGING_BYTES = 64L << 20;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Gpu gpu;
  private final DeviceMemory memory;
  private final Precision precision;
  private final Placement placement;
  private final List<KnownCodebook> codebooks = new ArrayList<>();
  private long staging;
  private long stagingBytes;

  /** Those of the last table. */
  private Matrices matrices = new Matrices(0, 0, new long[0], new HostBuffer[0]);

  private record KnownCodebook(MemorySegment bytes, Codebook codebook) {}

  /**
   * @param memory owns what is allocated
   */
  public Loader(Gpu gpu, DeviceMemory memory, Precision precision, Placement placement) {
    this.gpu = gpu;
    this.memory = memory;
    this.precision = precision;
    this.placement = placement;
  }

  /** Brings one linear. */
  public LoadedLinear load(EncodedLinear linear) {
    StorageChoice choice = StorageChoice.of(linear, precision);
    if (choice.isRounded(linear)
        && linear.form() instanceof LinearForm.Dense(var _, List<MemorySegment> matrices)) {
      choice = choice.rounded(HalfElements.best(matrices.getFirst()));
    }
    if (!choice.storage().isQtip()) {
      return loaded(linear, choice, loadDense(linear, choice));
    }
    DeviceMemory.Scope scope = memory.mark();
    long table = table(linear, choice);
    if (!repack(linear, choice)) {
      scope.release();
      choice = choice.withTileScales();
      table = table(linear, choice);
      repack(linear, choice);
    }
    return loaded(linear, choice, table);
  }

  /** Frees what only loading needed. */
  public void finish() {
    gpu.await();
    gpu.free(staging);
    staging = 0;
    stagingBytes = 0;
  }

  private LoadedLinear loaded(EncodedLinear linear, StorageChoice choice, long table) {
    LinearShape shape = linear.shape();
    Turn input = Turn.none(shape.inputs());
    Turn output = Turn.none(shape.outputs());
    if (linear.form() instanceof LinearForm.Tiled tiled) {
      input = turn(tiled.input(), shape.inputs());
      output = turn(tiled.output(), shape.outputs());
    }
    return new LoadedLinear(
        new Bank(table, choice.storage(), shape.outputs(), shape.inputs()),
        shape.experts() == 1,
        input,
        output,
        choice.pairs(),
        choice.storage().isQtip() ? codebook(linear.parts().get("codebook")) : Codebook.NONE,
        matrices,
        choice.binding(linear));
  }

  private Turn turn(Rotation rotation, int width) {
    return switch (rotation) {
      case Rotation.Identity _ -> Turn.none(width);
      case Rotation.SignedHadamard(int block, MemorySegment signs) -> {
        boolean packed = SignBits.areSigns(signs);
        byte[] bytes = packed ? SignBits.pack(signs, width) : signs.toArray(ValueLayout.JAVA_BYTE);
        yield new Turn(memory.upload(bytes), block, packed, width);
      }
    };
  }

  /** Room for every matrix, and the table of their addresses. */
  private long table(EncodedLinear linear, StorageChoice choice) {
    LinearShape shape = linear.shape();
    long bytes = choice.storage().matrixBytes(shape.outputs(), shape.inputs());
    int onDevice = 0;
    for (int expert = 0; expert < shape.experts(); expert++) {
      onDevice += isOnDevice(linear, expert) ? 1 : 0;
    }
    long base = onDevice == 0 ? 0 : memory.allocate(onDevice * bytes);
    ByteBuffer table =
        ByteBuffer.allocate(shape.experts() * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    long[] addresses = new long[shape.experts()];
    @Nullable HostBuffer[] buffers = new HostBuffer[shape.experts()];
    long next = base;
    for (int expert = 0; expert < shape.experts(); expert++) {
      if (isOnDevice(linear, expert)) {
        addresses[expert] = next;
        next += bytes;
      } else {
        HostBuffer buffer = memory.allocateHost(bytes);
        buffers[expert] = buffer;
        addresses[expert] = buffer.deviceAddress();
      }
      table.putLong(addresses[expert]);
    }
    matrices = new Matrices(memory.upload(table.array()), bytes, addresses, buffers);
    return matrices.table();
  }

  private boolean isOnDevice(EncodedLinear linear, int expert) {
    return placement.home(linear.id(), expert) == Placement.Home.DEVICE;
  }

  /** Gives false if the scales differ within a matrix and there is no room for them. */
  private boolean repack(EncodedLinear linear, StorageChoice choice) {
    LinearShape shape = linear.shape();
    MemorySegment tiles = linear.parts().get("tiles");
    if (tiles == null) {
      throw new IllegalStateException("a choice of trellis codes without tiles");
    }
    long matrix = tiles.byteSize() / shape.experts();
    int together = Math.clamp(STAGING_BYTES / matrix, 1, shape.experts());
    reserveStaging(together * matrix);
    long differing = memory.allocate(Integer.BYTES);
    gpu.clear(differing, Integer.BYTES);
    for (int first = 0; first < shape.experts(); first += together) {
      int count = Math.min(together, shape.experts() - first);
      gpu.upload(staging, tiles.asSlice(first * matrix, count * matrix));
      for (int i = 0; i < count; i++) {
        Parameters parameters =
            new Parameters()
                .address(staging + i * matrix)
                .address(matrices.address(first + i))
                .address(differing)
                .integer(shape.outputs() / TILE)
                .integer(shape.inputs() / TILE)
                .flag(choice.storage() == Storage.QTIP_SCALED)
                .integer(0);
        gpu.launch(Kernel.REPACK_QTIP, shape.outputs() / TILE, 1, 1, 256, 0, parameters);
      }
    }
    int[] flag = new int[1];
    gpu.download(flag, differing);
    return flag[0] == 0;
  }

  private void reserveStaging(long bytes) {
    if (stagingBytes < bytes) {
      gpu.await();
      gpu.free(staging);
      staging = gpu.allocate(bytes);
      stagingBytes = bytes;
    }
  }

  private Codebook codebook(MemorySegment bytes) {
    for (KnownCodebook known : codebooks) {
      if (known.bytes.mismatch(bytes) == -1) {
        return known.codebook;
      }
    }
    ByteBuffer table = ByteBuffer.allocate(512 * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 512; i++) {
      int first = Float.floatToFloat16(bytes.get(FLOAT, 8L * i));
      int second = Float.floatToFloat16(bytes.get(FLOAT, 8L * i + 4));
      table.putInt(first << 16 | second & 0xffff);
    }
    Codebook codebook =
        new Codebook(
            memory.upload(table.array()), memory.upload(bytes.toArray(ValueLayout.JAVA_BYTE)));
    codebooks.add(new KnownCodebook(bytes, codebook));
    return codebook;
  }

  private long loadDense(EncodedLinear linear, StorageChoice choice) {
    long table = table(linear, choice);
    Matrices targets = matrices;
    LinearShape shape = linear.shape();
    for (int expert = 0; expert < shape.experts(); expert++) {
      long target = targets.address(expert);
      switch (linear.form()) {
        case LinearForm.Dense(ElementType element, List<MemorySegment> matrices) -> {
          if (Storage.of(element) == choice.storage()) {
            uploadAny(target, matrices.get(expert));
          } else {
            uploadRounded(target, matrices.get(expert), choice.storage());
          }
        }
        case LinearForm.Tiled tiled -> uploadDecoded(target, tiled, shape, expert, choice);
      }
    }
    return table;
  }

  private void uploadAny(long target, MemorySegment source) {
    if (source.isNative()) {
      gpu.upload(target, source);
    } else {
      gpu.upload(target, source.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  private void uploadRounded(long target, MemorySegment floats, Storage storage) {
    long total = floats.byteSize() / Float.BYTES;
    int piece = 1 << 22;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rounded = arena.allocate(Math.min(piece, total) * Short.BYTES, 16);
      for (long done = 0; done < total; done += piece) {
        int count = (int) Math.min(piece, total - done);
        float[] values =
            floats.asSlice(done * Float.BYTES, (long) count * Float.BYTES).toArray(FLOAT);
        HalfElements.round(values, storage, rounded);
        gpu.upload(target + done * Short.BYTES, rounded.asSlice(0, (long) count * Short.BYTES));
        gpu.await();
      }
    }
  }

  /** One row of tiles after another. */
  private void uploadDecoded(
      long target, LinearForm.Tiled tiled, LinearShape shape, int expert, StorageChoice choice) {
    int rows = tiled.grid().rows();
    int columns = tiled.grid().columns();
    int across = shape.inputs() / columns;
    float[] run = new float[across * tiled.grid().size()];
    float[] values = new float[rows * shape.inputs()];
    int element = choice.storage() == Storage.DENSE_F32 ? Float.BYTES : Short.BYTES;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment staged = arena.allocate((long) values.length * element, 16);
      for (int tileRow = 0; tileRow < shape.outputs() / rows; tileRow++) {
        tiled.core().decode(expert, tileRow, 0, across, run, 0);
        for (int row = 0; row < rows; row++) {
          for (int tile = 0; tile < across; tile++) {
            System.arraycopy(
                run,
                tile * tiled.grid().size() + row * columns,
                values,
                row * shape.inputs() + tile * columns,
                columns);
          }
        }
        if (element == Float.BYTES) {
          MemorySegment.copy(values, 0, staged, FLOAT, 0, values.length);
        } else {
          HalfElements.round(values, choice.storage(), staged);
        }
        gpu.upload(target + (long) tileRow * values.length * element, staged);
        gpu.await();
      }
    }
  }
}
