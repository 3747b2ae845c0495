package org.espalier.runtime.quantisation.pipeline;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Role;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.Providers;
import org.espalier.runtime.loading.Architectures;
import org.espalier.runtime.loading.Formats;
import org.espalier.runtime.loading.TensorBinder;
import org.espalier.runtime.quantisation.SignVectors;
import org.espalier.runtime.quantisation.tuning.TunedValues;

/** Puts results together into a model file, and reads it back. */
final class ModelFile {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final TunedValues.Kind INPUT_SIGNS = TunedValues.Kind.INPUT_SIGNS;
  private static final TunedValues.Kind OUTPUT_SIGNS = TunedValues.Kind.OUTPUT_SIGNS;
  private static final StorageType F32_TYPE = new StorageType.Plain(ElementType.F32);

  private final ModelSource source;
  private final Codec codec;
  private final Results results;
  private final QuantizationOptions options;
  private final QuantizationListener listener;
  private final int vocabulary;
  private final TunedValues tuned;
  private final List<Piece> pieces = new ArrayList<>();
  private long total;

  /**
   * Prepares a file.
   *
   * @param vocabulary rows of token table and head that are kept
   * @param tuned what is stored instead of the checkpoint's numbers
   */
  ModelFile(
      ModelSource source,
      Codec codec,
      Results results,
      QuantizationOptions options,
      int vocabulary,
      TunedValues tuned,
      QuantizationListener listener) {
    this.tuned = tuned;
    this.source = source;
    this.codec = codec;
    this.results = results;
    this.options = options;
    this.vocabulary = vocabulary;
    this.listener = listener;
    source.content().weights().forEach(this::add);
  }

  /** One tensor. */
  private record Piece(
      String name, StorageType type, List<Long> shape, long bytes, ModelWriter.Content content) {}

  private void add(Weights weights) {
    switch (weights) {
      case Weights.Vector vector -> {
        float[] values = tuned.or(vector.stem(), TunedValues.Kind.NORM, 0, vector.norm().weights());
        MemorySegment bytes = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
        MemorySegment.copy(values, 0, bytes, F32, 0, values.length);
        add(
            vector.stem() + ".weight",
            F32_TYPE,
            List.of((long) vector.norm().width()),
            bytes.byteSize(),
            sink -> sink.append(bytes));
      }
      case Weights.Matrix matrix -> {
        Optional<Operator> operator = ModelSource.operator(matrix, codec, options.recipe());
        operator.ifPresentOrElse(this::encoded, () -> plain(matrix));
      }
    }
  }

  private void add(
      String name, StorageType type, List<Long> shape, long bytes, ModelWriter.Content content) {
    pieces.add(new Piece(name, type, shape, bytes, content));
    total += bytes;
  }

  private void encoded(Operator operator) {
    switch (operator.layout()) {
      case Layout.Tiles tiles -> tiles(operator, tiles);
      case Layout.Blocks(BlockQuantizer quantizer) -> blocks(operator, quantizer);
    }
  }

  private void blocks(Operator operator, BlockQuantizer quantizer) {
    LinearShape shape = operator.source().shape();
    add(
        operator.tensor(),
        quantizer.type(),
        List.of((long) shape.outputs(), (long) shape.inputs()),
        operator.resultBytes(),
        sink -> {
          for (Operator.Unit unit : operator.units()) {
            sink.append(MemorySegment.ofArray(result(unit).matrix().codes()));
          }
        });
  }

  private void tiles(Operator operator, Layout.Tiles layout) {
    Packing packing = layout.packing();
    LinearShape shape = operator.source().shape();
    long matrixBytes = layout.fileBytes(shape.outputs(), shape.inputs());
    add(
        operator.tensor(),
        packing.tiles().type(),
        packing.tiles().shape(),
        matrixBytes * shape.experts(),
        sink -> {
          byte[] packed = new byte[Math.toIntExact(matrixBytes)];
          MemorySegment segment = MemorySegment.ofArray(packed);
          for (Operator.Unit unit : operator.units()) {
            UnitFile.Result result = result(unit);
            byte[] codes = result.matrix().codes();
            packing.pack(
                codes.length / packing.codeBytes(), codes, result.matrix().scale(), segment);
            sink.append(segment);
          }
        });
    signs(
        packing.inputSigns(), operator, operator.inputSigns(packing), INPUT_SIGNS, shape.inputs());
    signs(
        packing.outputSigns(),
        operator,
        operator.outputSigns(packing),
        OUTPUT_SIGNS,
        shape.outputs());
  }

  private UnitFile.Result result(Operator.Unit unit) {
    return results
        .result(unit)
        .orElseThrow(() ->
            new DeviceFailure(
                "the result of %s has been lost: --resume makes it again".formatted(unit.name())));
  }

  private void signs(
      Packing.Member member, Operator operator, String name, TunedValues.Kind kind, int length) {
    int experts = operator.source().shape().experts();
    add(
        name,
        member.type(),
        member.shape(),
        (long) experts * length * Float.BYTES,
        sink -> {
          MemorySegment segment = MemorySegment.ofArray(new byte[length * Float.BYTES]);
          for (int expert = 0; expert < experts; expert++) {
            float[] random = SignVectors.of(options.seed(), name, expert, length);
            float[] signs = tuned.or(operator.stem(), kind, expert, random);
            MemorySegment.copy(signs, 0, segment, F32, 0, length);
            sink.append(segment);
          }
        });
  }

  private void plain(Weights.Matrix matrix) {
    EncodedLinear linear = matrix.linear();
    LinearShape shape = linear.shape();
    Role role = linear.id().role();
    boolean table = role == Role.EMBEDDING || role == Role.HEAD;
    int rows = table ? Math.min(vocabulary, shape.outputs()) : shape.outputs();
    RowEncoder encoder = RowEncoder.of(type(linear, table), shape.inputs());
    List<Long> dimensions = new ArrayList<>();
    if (ModelSource.isQuantizable(linear) && isBank(role)) {
      dimensions.add((long) shape.experts());
    }
    dimensions.add((long) rows);
    dimensions.add((long) shape.inputs());
    add(
        matrix.stem() + ".weight",
        encoder.type(),
        dimensions,
        (long) shape.experts() * rows * encoder.rowBytes(),
        sink -> {
          float[] values = new float[shape.inputs()];
          MemorySegment row = MemorySegment.ofArray(new byte[encoder.rowBytes()]);
          for (int expert = 0; expert < shape.experts(); expert++) {
            for (int i = 0; i < rows; i++) {
              row(matrix, expert, i, values);
              requireFinite(matrix.stem(), i, values);
              encoder.encode(values, row);
              sink.append(row);
            }
          }
        });
  }

  private static void requireFinite(String stem, int row, float[] values) {
    for (int column = 0; column < values.length; column++) {
      if (!Float.isFinite(values[column])) {
        throw new MalformedModel(
            "a weight of %s.weight is %s (row %d, column %d): the checkpoint may be damaged; quantised matrices are kept"
                .formatted(stem, values[column], row, column));
      }
    }
  }

  private void row(Weights.Matrix matrix, int expert, int row, float[] target) {
    Role role = matrix.linear().id().role();
    float[] none = {};
    float[] values =
        switch (role) {
          case ROUTER -> tuned.or(matrix.stem(), TunedValues.Kind.ROUTER, 0, none);
          case HEAD -> tuned.or(matrix.stem(), TunedValues.Kind.HEAD, 0, none);
          case EMBEDDING,
              QUERY,
              KEY,
              VALUE,
              ATTENTION_OUTPUT,
              EXPERT_GATE,
              EXPERT_UP,
              EXPERT_DOWN ->
              none;
        };
    if (values.length == 0) {
      DenseWeights.row(matrix.linear(), expert, row, target, 0);
    } else {
      System.arraycopy(values, row * target.length, target, 0, target.length);
    }
  }

  private static boolean isBank(Role role) {
    return role == Role.EXPERT_GATE || role == Role.EXPERT_UP || role == Role.EXPERT_DOWN;
  }

  private EmbeddingType type(EncodedLinear linear, boolean table) {
    if (linear.id().role() == Role.ROUTER) {
      return EmbeddingType.F32;
    }
    if (options.recipe().attention().of(linear.id().role()).orElse(null)
        instanceof StoredType.Plain(EmbeddingType type)) {
      return type;
    }
    if (table && options.embeddings().isPresent()) {
      return options.embeddings().get();
    }
    return plainType(linear, options.compatible());
  }

  /** How what is not quantised is stored: without loss. */
  static EmbeddingType plainType(EncodedLinear linear, boolean compatible) {
    if (compatible) {
      return EmbeddingType.F32;
    }
    return switch (DenseWeights.of(linear).element()) {
      case F32 -> ModelSource.isQuantizable(linear) ? EmbeddingType.F16 : EmbeddingType.F32;
      case F16 -> EmbeddingType.F16;
      case BF16 -> EmbeddingType.BF16;
    };
  }

  /** Bytes of all tensors. */
  long bytes() {
    return total;
  }

  /** Writes it; what was there stays until the new file is complete. */
  void write(Path target, ModelFormat format, Metadata metadata) {
    long[] written = new long[1];
    try (ModelWriter writer =
        format
            .create(target, metadata)
            .orElseThrow(reason -> new Unsupported("cannot write " + target + ": " + reason))) {
      for (Piece piece : pieces) {
        writer.declare(piece.name(), piece.type(), piece.shape(), piece.bytes());
      }
      for (Piece piece : pieces) {
        writer.write(
            piece.name(),
            sink ->
                piece
                    .content()
                    .writeTo(bytes -> {
                      sink.append(bytes);
                      written[0] += bytes.byteSize();
                      listener.progress("writing", written[0], total);
                    }));
      }
      writer.finish();
    }
  }

  /**
   * Reads it back: every operator must find its codec, and every byte must be as it was meant.
   *
   * @throws DeviceFailure when it is not
   */
  void verify(Path target, Providers providers) {
    try (ModelArtifact artifact = Formats.open(target, providers.formats())) {
      ModelPlan plan =
          Architectures.plan(
              artifact, providers.architectures(), new TensorBinder(artifact, providers.codecs()));
      if (plan.stages().size() != source.plan().stages().size()) {
        throw new DeviceFailure(target + " reads back as another model than was written");
      }
      long[] read = new long[1];
      for (Piece piece : pieces) {
        Tensor tensor = artifact.tensors().get(piece.name());
        if (tensor == null || !tensor.shape().equals(piece.shape())) {
          throw damaged(target, piece);
        }
        long[] at = new long[1];
        piece
            .content()
            .writeTo(bytes -> {
              MemorySegment there = tensor.bytes().asSlice(at[0], bytes.byteSize());
              if (there.mismatch(bytes) >= 0) {
                throw damaged(target, piece);
              }
              at[0] += bytes.byteSize();
              read[0] += bytes.byteSize();
              listener.progress("reading back", read[0], total);
            });
      }
    } catch (IOException e) {
      throw new DeviceFailure("%s cannot be read back (%s)".formatted(target, e.getMessage()), e);
    }
  }

  private static DeviceFailure damaged(Path target, Piece piece) {
    return new DeviceFailure(
        "%s was written, but '%s' reads back differently: the disk may be failing; --resume writes it again"
            .formatted(target, piece.name()));
  }
}
