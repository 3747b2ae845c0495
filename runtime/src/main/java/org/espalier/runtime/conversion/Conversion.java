package org.espalier.runtime.conversion;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Role;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.Providers;
import org.espalier.runtime.loading.Architectures;
import org.espalier.runtime.loading.Formats;
import org.espalier.runtime.loading.TensorBinder;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;

/**
 * Writes a model whose weights are plain numbers to a file of another kind or number type, with
 * complete metadata. Nothing but one piece of a tensor is ever in memory.
 *
 * <p>The new file has the architecture's own keys, and of the source's keys all {@code tokenizer.}
 * and {@code general.} ones.
 */
public final class Conversion {
  private static final StorageType F32 = new StorageType.Plain(ElementType.F32);

  private final ModelArtifact source;
  private final ModelContent content;
  private final ConversionOptions options;
  private final ConversionListener listener;
  private final ElementConverter converter = new ElementConverter();
  private long written;
  private long total;

  private Conversion(
      ModelArtifact source,
      ModelContent content,
      ConversionOptions options,
      ConversionListener listener) {
    this.source = source;
    this.content = content;
    this.options = options;
    this.listener = listener;
  }

  /**
   * Converts a model. When it fails, what stood at the target before is left.
   *
   * @param target of the new file
   * @param format of the new file
   * @throws InvalidRequest when source and target are the same file
   * @throws MalformedModel when a weight is not a finite number
   * @throws Unsupported when a matrix is encoded, a number too large for the new type, or the
   *     architecture or the format only reads
   */
  public static ConversionReport convert(
      Path path,
      Path target,
      ModelFormat format,
      Providers providers,
      ConversionOptions options,
      ConversionListener listener) {
    requireAnother(path, target);
    try (ModelArtifact source = Formats.open(path, providers.formats())) {
      ModelPlan plan =
          Architectures.plan(
              source, providers.architectures(), new TensorBinder(source, providers.codecs()));
      ModelContent content = Architectures.content(plan, providers.architectures());
      return new Conversion(source, content, options, listener).write(target, format);
    }
  }

  private static void requireAnother(Path path, Path target) {
    try {
      if (Files.exists(target) && Files.isSameFile(path, target)) {
        throw new InvalidRequest("%s cannot be converted into itself".formatted(path));
      }
    } catch (IOException e) {
      throw new EspalierException.DeviceFailure(
          "%s cannot be compared with %s: %s".formatted(path, target, e.getMessage()), e);
    }
  }

  private ConversionReport write(Path target, ModelFormat format) {
    content.weights().forEach(this::requirePlain);
    announce();
    try (ModelWriter writer =
        format
            .create(target, metadata())
            .orElseThrow(reason -> new Unsupported("cannot write " + target + ": " + reason))) {
      for (Weights weights : content.weights()) {
        declare(writer, weights);
      }
      for (Weights weights : content.weights()) {
        writer.write(name(weights), sink -> writeTo(sink, weights));
      }
      writer.finish();
    }
    ConversionReport report =
        new ConversionReport(
            content.weights().size(),
            content.weights().stream().mapToLong(Conversion::count).sum(),
            converter.rounded(),
            converter.largestError(),
            written);
    if (report.rounded() > 0) {
      listener.notice(
          "%,d of %,d weights were rounded, by %.3g at most"
              .formatted(report.rounded(), report.weights(), report.largestError()));
    }
    return report;
  }

  private void requirePlain(Weights weights) {
    if (weights instanceof Weights.Matrix(String stem, EncodedLinear linear)
        && linear.form() instanceof LinearForm.Tiled) {
      throw new Unsupported(
          "'%s' in %s is encoded by %s; only models with plain weights can be converted"
              .formatted(stem, source.path(), linear.codec()));
    }
  }

  private void announce() {
    Set<ElementType> inexact = EnumSet.noneOf(ElementType.class);
    for (Weights weights : content.weights()) {
      if (weights instanceof Weights.Matrix matrix
          && !ElementConverter.isExact(dense(matrix.linear()).element(), type(matrix))) {
        inexact.add(dense(matrix.linear()).element());
      }
    }
    for (ElementType element : inexact) {
      listener.notice(
          "weights are %s in %s: those that %s cannot hold will be rounded"
              .formatted(element, source.path(), options.type()));
    }
    try {
      Tokenizer.of(source.metadata(), TokenizerCompatibility.HUGGING_FACE, notice -> {});
    } catch (EspalierException e) {
      listener.notice("the new file will have no usable tokenizer: " + e.getMessage());
    }
  }

  private Metadata metadata() {
    return CompleteMetadata.of(
        source.metadata(), content, options.name(), fileType(options.type()));
  }

  /** The numbers that GGUF files give to types of whole models. */
  private static int fileType(ElementType type) {
    return switch (type) {
      case F32 -> 0;
      case F16 -> 1;
      case BF16 -> 32;
    };
  }

  private void declare(ModelWriter writer, Weights weights) {
    long bytes =
        switch (weights) {
          case Weights.Vector vector -> vector.norm().weight().byteSize();
          case Weights.Matrix matrix -> count(matrix) * type(matrix).bytes();
        };
    total += bytes;
    switch (weights) {
      case Weights.Vector vector ->
          writer.declare(name(vector), F32, List.of((long) vector.norm().width()), bytes);
      case Weights.Matrix matrix ->
          writer.declare(
              name(matrix),
              new StorageType.Plain(type(matrix)),
              shape(matrix.linear().shape(), matrix.linear().id().role()),
              bytes);
    }
  }

  private static String name(Weights weights) {
    return weights.stem() + ".weight";
  }

  private static long count(Weights weights) {
    return switch (weights) {
      case Weights.Vector vector -> vector.norm().width();
      case Weights.Matrix matrix -> matrix.linear().shape().weights();
    };
  }

  /** Routers are small, and a rounded score may choose another expert. */
  private ElementType type(Weights.Matrix matrix) {
    return matrix.linear().id().role() == Role.ROUTER ? ElementType.F32 : options.type();
  }

  /** A bank of experts is a stack, even of one. */
  private static List<Long> shape(LinearShape shape, Role role) {
    boolean stack =
        switch (role) {
          case EXPERT_GATE, EXPERT_UP, EXPERT_DOWN -> true;
          case EMBEDDING, QUERY, KEY, VALUE, ATTENTION_OUTPUT, ROUTER, HEAD -> false;
        };
    List<Long> matrix = List.of((long) shape.outputs(), (long) shape.inputs());
    return stack ? List.of((long) shape.experts(), matrix.get(0), matrix.get(1)) : matrix;
  }

  private void writeTo(ModelWriter.Sink sink, Weights weights) throws IOException {
    ModelWriter.Sink counting =
        bytes -> {
          sink.append(bytes);
          written += bytes.byteSize();
          listener.progress(written, total);
        };
    switch (weights) {
      case Weights.Vector vector -> counting.append(vector.norm().weight());
      case Weights.Matrix matrix -> {
        LinearForm.Dense dense = dense(matrix.linear());
        for (MemorySegment expert : dense.matrices()) {
          converter.convert(
              expert,
              dense.element(),
              type(matrix),
              counting,
              (index, value) -> refusal(matrix, expert, index, value));
        }
      }
    }
  }

  private EspalierException refusal(
      Weights.Matrix matrix, MemorySegment expert, long index, float value) {
    int inputs = matrix.linear().shape().inputs();
    String where =
        "tensor '%s' in %s holds %s in row %d, column %d"
            .formatted(
                sourceName(matrix, expert), source.path(), value, index / inputs, index % inputs);
    return Float.isFinite(value)
        ? new Unsupported(
            "%s, which is too large for %s: choose another type".formatted(where, type(matrix)))
        : new MalformedModel(where + ": the weights of a model must be finite numbers");
  }

  /** What the source calls the tensor that an expert's numbers lie in. */
  private String sourceName(Weights.Matrix matrix, MemorySegment expert) {
    return source.tensors().values().stream()
        .filter(tensor -> tensor.bytes().asOverlappingSlice(expert).isPresent())
        .map(Tensor::name)
        .findFirst()
        .orElse(name(matrix));
  }

  private static LinearForm.Dense dense(EncodedLinear linear) {
    return switch (linear.form()) {
      case LinearForm.Dense dense -> dense;
      case LinearForm.Tiled _ -> throw new IllegalStateException("not plain: " + linear.id());
    };
  }
}
