package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.Rotation;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.runtime.Providers;

/** Makes model files out of the demo model, and runs them. */
final class ModelFiles {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final StorageType PLAIN = new StorageType.Plain(ElementType.F32);
  static final int VOCABULARY = 4080;

  /** What {@link #logits} are asked for. */
  static final List<Integer> TOKENS = List.of(400, 1034, 7, 600, 14, 2000, 350, 4079, 77, 912);

  private final Providers providers = new ProviderDiscovery(PackagedLayer.of()).find(List.of());

  /** A tensor to write. */
  record Written(StorageType type, List<Long> shape, byte[] bytes) {}

  /** All matrices of the demo model that are worth quantising, as plain numbers. */
  Map<String, float[]> weights() {
    Map<String, float[]> weights = new LinkedHashMap<>();
    try (ModelArtifact demo = open(Launch.DEMO)) {
      for (Tensor tensor : demo.tensors().values()) {
        String name = tensor.name();
        if (tensor.type() instanceof StorageType.Block) {
          weights.put(name, values(demo, tensor));
        } else if (name.equals("token_embd.weight") || name.equals("output.weight")) {
          weights.put(name, tensor.bytes().toArray(F32));
        }
      }
    }
    return weights;
  }

  ModelArtifact open(Path path) {
    return format().open(path).orElseThrow(Unsupported::new);
  }

  ModelFormat format() {
    return providers.formats().stream()
        .filter(format -> format.id().equals("gguf"))
        .findFirst()
        .orElseThrow();
  }

  /** What a tensor of any codec stands for, with its rotations undone. */
  float[] values(ModelArtifact artifact, Tensor weight) {
    List<Long> dimensions = weight.shape();
    int last = dimensions.size() - 1;
    LinearShape shape =
        new LinearShape(
            last == 2 ? Math.toIntExact(dimensions.getFirst()) : 1,
            Math.toIntExact(dimensions.get(last - 1)),
            Math.toIntExact(dimensions.get(last)));
    String stem = weight.name().substring(0, weight.name().length() - ".weight".length());
    Map<String, Tensor> members = new LinkedHashMap<>();
    artifact
        .tensors()
        .forEach((name, tensor) -> {
          if (name.startsWith(stem + ".")) {
            members.put(name.substring(stem.length() + 1), tensor);
          }
        });
    TensorGroup group = new TensorGroup(new OperatorId(0, Role.QUERY), stem, shape, members);
    for (Codec codec : providers.codecs()) {
      if (codec.claim(group) instanceof Offer.Accepted<EncodedLinear> claimed) {
        return values(shape, (LinearForm.Tiled) claimed.value().form());
      }
    }
    throw new AssertionError("nobody reads " + weight.name());
  }

  private static float[] values(LinearShape shape, LinearForm.Tiled tiled) {
    int rows = tiled.grid().rows();
    int columns = tiled.grid().columns();
    int outputs = shape.outputs();
    int inputs = shape.inputs();
    float[] all = new float[Math.toIntExact(shape.weights())];
    float[] tile = new float[tiled.grid().size()];
    for (int expert = 0; expert < shape.experts(); expert++) {
      int base = expert * outputs * inputs;
      for (int row = 0; row < outputs; row++) {
        for (int column = 0; column < inputs / columns; column++) {
          tiled.core().decode(expert, row / rows, column, 1, tile, 0);
          System.arraycopy(
              tile, row % rows * columns, all, base + row * inputs + column * columns, columns);
        }
      }
      if (tiled.input() instanceof Rotation.SignedHadamard(_, MemorySegment right)
          && tiled.output() instanceof Rotation.SignedHadamard(_, MemorySegment left)) {
        unrotate(all, base, outputs, inputs, expert, left, right);
      }
    }
    return all;
  }

  /** diag(left) H C H diag(right), with both H orthonormal. */
  private static void unrotate(
      float[] all,
      int base,
      int outputs,
      int inputs,
      int expert,
      MemorySegment left,
      MemorySegment right) {
    for (int row = 0; row < outputs; row++) {
      hadamard(all, base + row * inputs, 1, inputs);
    }
    for (int column = 0; column < inputs; column++) {
      hadamard(all, base + column, inputs, outputs);
    }
    for (int row = 0; row < outputs; row++) {
      for (int column = 0; column < inputs; column++) {
        all[base + row * inputs + column] *=
            left.getAtIndex(F32, (long) expert * outputs + row)
                * right.getAtIndex(F32, (long) expert * inputs + column);
      }
    }
  }

  private static void hadamard(float[] values, int from, int step, int count) {
    for (int half = 1; half < count; half *= 2) {
      for (int i = 0; i < count; i++) {
        if ((i & half) == 0) {
          int low = from + i * step;
          int high = from + (i + half) * step;
          float sum = values[low] + values[high];
          values[high] = values[low] - values[high];
          values[low] = sum;
        }
      }
    }
    for (int i = 0; i < count; i++) {
      values[from + i * step] /= (float) Math.sqrt(count);
    }
  }

  void write(Path file, Metadata metadata, Map<String, Written> tensors) {
    try (ModelWriter writer = format().create(file, metadata).orElseThrow(Unsupported::new)) {
      tensors.forEach(
          (name, tensor) -> writer.declare(name, tensor.type, tensor.shape, tensor.bytes.length));
      tensors.forEach((name, tensor) ->
          writer.write(name, sink -> sink.append(MemorySegment.ofArray(tensor.bytes))));
      writer.finish();
    }
  }

  static byte[] bytes(Tensor tensor) {
    return tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  static float[] floats(Tensor tensor) {
    return tensor.bytes().toArray(F32);
  }

  static byte[] bytes(float[] values) {
    ByteBuffer buffer =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    buffer.asFloatBuffer().put(values);
    return buffer.array();
  }

  /**
   * Launches the command {@code logits} at exact precision.
   *
   * @param flags with the tokens; those of {@link #TOKENS} where there are none
   */
  static float[] logits(Path model, List<Path> plugins, String... flags)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile(Path.of("target"), "logits-", "");
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "logits", "-m", model.toString(), "--precision", "exact", "-o", out.toString()));
    arguments.addAll(
        flags.length > 0
            ? List.of(flags)
            : List.of(
                "--tokens", TOKENS.stream().map(String::valueOf).collect(Collectors.joining(","))));
    Launch launch = Launch.with(plugins, "", arguments.toArray(String[]::new));
    assertEquals(0, launch.exitCode(), launch.err());
    FloatBuffer values =
        ByteBuffer.wrap(Files.readAllBytes(out)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    float[] logits = new float[values.remaining()];
    values.get(logits);
    assertTrue(flags.length > 0 || TOKENS.size() * VOCABULARY == logits.length);
    return logits;
  }

  static double relativeError(float[] expected, float[] actual) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow(expected[i] - actual[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(error / norm);
  }

  /** The demo model with other matrices; plain ones where no quantiser is named. */
  Path writeDemo(
      Path file, Map<String, float[]> weights, Function<String, BlockQuantizer> quantizer) {
    try (ModelArtifact demo = open(Launch.DEMO)) {
      Map<String, Written> tensors = new LinkedHashMap<>();
      for (Tensor tensor : demo.tensors().values()) {
        float[] values = weights.get(tensor.name());
        if (values != null) {
          BlockQuantizer chosen = quantizer.apply(tensor.name());
          tensors.put(
              tensor.name(),
              chosen == null
                  ? new Written(PLAIN, tensor.shape(), bytes(values))
                  : new Written(chosen.type(), tensor.shape(), chosen.quantize(values)));
        } else if (!tensor.name().contains(".sign_")) {
          byte[] bytes = tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
          tensors.put(tensor.name(), new Written(tensor.type(), tensor.shape(), bytes));
        }
      }
      write(file, demo.metadata(), tensors);
    }
    return file;
  }
}
