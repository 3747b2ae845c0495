package org.espalier.runtime.quantisation.pipeline;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.Providers;
import org.espalier.runtime.loading.Architectures;
import org.espalier.runtime.loading.Formats;
import org.espalier.runtime.loading.TensorBinder;

/**
 * The checkpoint. It is opened anew for every layer, so that only one layer's mapped pages count as
 * this process's memory.
 */
final class ModelSource implements AutoCloseable {
  private static final int SAMPLE = 4096;

  private final ModelArtifact artifact;
  private final ModelPlan plan;
  private final ModelContent content;

  private ModelSource(ModelArtifact artifact, ModelPlan plan, ModelContent content) {
    this.artifact = artifact;
    this.plan = plan;
    this.content = content;
  }

  /**
   * Opens it.
   *
   * @throws Unsupported when a matrix is encoded already
   */
  static ModelSource open(Path path, Providers providers) {
    ModelArtifact artifact = Formats.open(path, providers.formats());
    try {
      ModelPlan plan =
          Architectures.plan(
              artifact, providers.architectures(), new TensorBinder(artifact, providers.codecs()));
      ModelContent content = Architectures.content(plan, providers.architectures());
      for (Weights weights : content.weights()) {
        if (weights instanceof Weights.Matrix(String stem, EncodedLinear linear)
            && linear.form() instanceof LinearForm.Tiled) {
          throw new Unsupported(
              "'%s' in %s is encoded by %s already; only models with plain weights can be quantised"
                  .formatted(stem, path, linear.codec()));
        }
      }
      return new ModelSource(artifact, plan, content);
    } catch (RuntimeException e) {
      artifact.close();
      throw e;
    }
  }

  ModelArtifact artifact() {
    return artifact;
  }

  ModelPlan plan() {
    return plan;
  }

  ModelContent content() {
    return content;
  }

  /** What stands before the layers. */
  ModelPlan embedding() {
    return plan.slice(0, firstStage(0));
  }

  /** Number of layers. */
  int layers() {
    return plan.stages().stream().mapToInt(ModelSource::layer).max().orElse(-1) + 1;
  }

  /** The stages of one layer. */
  ModelPlan layer(int layer) {
    int from = firstStage(layer);
    int to = from;
    while (to < plan.stages().size() && layer(plan.stages().get(to)) == layer) {
      to++;
    }
    return plan.slice(from, to);
  }

  private int firstStage(int layer) {
    for (int i = 0; i < plan.stages().size(); i++) {
      if (layer(plan.stages().get(i)) == layer) {
        return i;
      }
    }
    throw new Unsupported("%s has no layer %d".formatted(artifact.path(), layer));
  }

  private static int layer(Stage stage) {
    return switch (stage) {
      case Stage.Attention attention -> attention.layer();
      case Stage.MixtureOfExperts experts -> experts.layer();
      case Stage.Embedding _, Stage.Head _ -> -1;
    };
  }

  /** Whether a matrix is one of those that quantising is about. */
  static boolean isQuantizable(EncodedLinear linear) {
    return switch (linear.id().role()) {
      case QUERY, KEY, VALUE, ATTENTION_OUTPUT, EXPERT_GATE, EXPERT_UP, EXPERT_DOWN -> true;
      case EMBEDDING, ROUTER, HEAD -> false;
    };
  }

  /** The operator of some weights; empty when it is not to be quantised or the codec declines. */
  static Optional<Operator> operator(Weights weights, Codec codec, Recipe recipe) {
    if (weights instanceof Weights.Matrix(String stem, EncodedLinear linear)
        && isQuantizable(linear)) {
      return layout(linear, codec, recipe).map(layout -> new Operator(stem, linear, layout));
    }
    return Optional.empty();
  }

  private static Optional<Layout> layout(EncodedLinear linear, Codec codec, Recipe recipe) {
    return switch (recipe.attention().of(linear.id().role()).orElse(null)) {
      case null ->
          codec.packing(linear.shape()) instanceof Offer.Accepted<Packing>(Packing packing)
              ? Optional.of(new Layout.Tiles(packing))
              : Optional.empty();
      case StoredType.Plain _ -> Optional.empty();
      case StoredType.Blocks(BlockQuantizer quantizer) ->
          linear.shape().inputs() % quantizer.size() == 0
              ? Optional.of(new Layout.Blocks(quantizer))
              : Optional.empty();
    };
  }

  /** Why a matrix that quantising is about is not stored as the recipe wants; empty where it is. */
  static Optional<String> hindrance(EncodedLinear linear, Codec codec, Recipe recipe) {
    return switch (recipe.attention().of(linear.id().role()).orElse(null)) {
      case null ->
          codec.packing(linear.shape()) instanceof Offer.Declined<Packing>(String reason)
              ? Optional.of(reason)
              : Optional.empty();
      case StoredType.Plain _ -> Optional.empty();
      case StoredType.Blocks(BlockQuantizer quantizer) ->
          linear.shape().inputs() % quantizer.size() == 0
              ? Optional.empty()
              : Optional.of(
                  "%s stores blocks of %d values, which rows of %d are not"
                      .formatted(quantizer.name(), quantizer.size(), linear.shape().inputs()));
    };
  }

  /** All operators that are to be quantised, in the order of the file. */
  List<Operator> operators(Codec codec, Recipe recipe) {
    List<Operator> operators = new ArrayList<>();
    content.weights().forEach(w -> operator(w, codec, recipe).ifPresent(operators::add));
    return operators;
  }

  /**
   * A hash that tells models apart: of names, types, shapes and samples of all tensors. Reading
   * everything would take as long as a stage of the work.
   */
  String fingerprint() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Tensor tensor : artifact.tensors().values()) {
        digest.update(
            (tensor.name() + tensor.type() + tensor.shape()).getBytes(StandardCharsets.UTF_8));
        MemorySegment bytes = tensor.bytes();
        long size = bytes.byteSize();
        for (long at : new long[] {0, size / 2, Math.max(0, size - SAMPLE)}) {
          digest.update(bytes.asSlice(at, Math.min(SAMPLE, size - at)).asByteBuffer());
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  @Override
  public void close() {
    artifact.close();
  }
}
