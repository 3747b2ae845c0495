package org.espalier.runtime.inspection;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** Reads every number of a file once, in file order; the cores of operators after that. */
final class Checker {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final OpenedFile file;
  private final Consumer<String> begun;

  Checker(OpenedFile file, Consumer<String> begun) {
    this.file = file;
    this.begun = begun;
  }

  List<TensorCheck> run() {
    List<TensorCheck> checks = new ArrayList<>();
    Map<String, EncodedLinear> linearOf = file.linearOfTensor();
    for (Tensor tensor : file.artifact().tensors().values()) {
      switch (tensor.type()) {
        case StorageType.Plain(ElementType element) -> checks.add(plain(tensor, element));
        case StorageType.Block _ when !linearOf.containsKey(tensor.name()) ->
            checks.add(unread(tensor));
        case StorageType.Block _ -> {
          // decoded below, together with the tensors beside it
        }
      }
    }
    file.linears()
        .forEach((stem, linear) -> {
          if (linear.form() instanceof LinearForm.Tiled tiled) {
            checks.add(tiled(stem, linear, tiled));
          }
        });
    return checks;
  }

  private TensorCheck plain(Tensor tensor, ElementType element) {
    begun.accept(tensor.name());
    NumberStatistics statistics = new NumberStatistics();
    MemorySegment bytes = tensor.bytes();
    long count = tensor.elements();
    switch (element) {
      case F32 -> {
        for (long i = 0; i < count; i++) {
          statistics.accept(bytes.getAtIndex(F32, i));
        }
      }
      case F16 -> {
        for (long i = 0; i < count; i++) {
          statistics.accept(Float.float16ToFloat(bytes.getAtIndex(BITS16, i)));
        }
      }
      case BF16 -> {
        for (long i = 0; i < count; i++) {
          statistics.accept(Float.intBitsToFloat(bytes.getAtIndex(BITS16, i) << 16));
        }
      }
    }
    return check(tensor.name(), "plain", statistics, statistics.problems(), statistics.remarks());
  }

  /** Without a codec its numbers are unknown. */
  private TensorCheck unread(Tensor tensor) {
    return check(
        tensor.name(),
        "nobody",
        new NumberStatistics(),
        List.of(),
        List.of("not checked: no operator of the plan reads this tensor of type " + tensor.type()));
  }

  private TensorCheck tiled(String stem, EncodedLinear linear, LinearForm.Tiled tiled) {
    String name = stem + ".weight";
    begun.accept(name);
    NumberStatistics all = new NumberStatistics();
    List<String> problems = new ArrayList<>();
    List<String> remarks = new ArrayList<>();
    LinearShape shape = linear.shape();
    int columns = shape.inputs() / tiled.grid().columns();
    float[] run = new float[Math.multiplyExact(columns, tiled.grid().size())];
    for (int expert = 0; expert < shape.experts(); expert++) {
      NumberStatistics own = new NumberStatistics();
      for (int row = 0; row < shape.outputs() / tiled.grid().rows(); row++) {
        tiled.core().decode(expert, row, 0, columns, run, 0);
        own.accept(run, run.length);
        all.accept(run, run.length);
      }
      String where = shape.experts() == 1 ? "" : "expert %d: ".formatted(expert);
      own.problems().forEach(problem -> problems.add(where + problem));
      own.remarks().forEach(remark -> remarks.add(where + remark));
    }
    signs("input", tiled.input(), shape.experts() * (long) shape.inputs(), problems);
    signs("output", tiled.output(), shape.experts() * (long) shape.outputs(), problems);
    return check(name, linear.codec().value(), all, problems, remarks);
  }

  /** A sign of zero would erase a coordinate. */
  private static void signs(String side, Rotation rotation, long count, List<String> problems) {
    if (!(rotation instanceof Rotation.SignedHadamard(_, MemorySegment signs))) {
      return;
    }
    NumberStatistics statistics = new NumberStatistics();
    for (long i = 0; i < count; i++) {
      statistics.accept(signs.getAtIndex(F32, i));
    }
    statistics.problems().forEach(problem -> problems.add(side + " signs: " + problem));
    if (statistics.hasZeros()) {
      problems.add("%s signs: some are zero, which loses a coordinate".formatted(side));
    }
  }

  private static TensorCheck check(
      String name,
      String decodedBy,
      NumberStatistics statistics,
      List<String> problems,
      List<String> remarks) {
    return new TensorCheck(
        name,
        decodedBy,
        statistics.values(),
        statistics.smallest(),
        statistics.largest(),
        statistics.rootMeanSquare(),
        problems,
        remarks);
  }
}
