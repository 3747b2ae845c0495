package org.espalier.examples.bigram;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * The smallest language model there is: logits = W · norm(E[token]). What comes next depends on the
 * last token alone.
 *
 * <p>Keys: {@code bigram.embedding_length} and {@code bigram.context_length}. Tensors: {@code
 * token_embd}, {@code output_norm.weight} and {@code output}, of which any codec may hold the first
 * and the last.
 */
public final class BigramArchitecture implements Architecture {
  private static final String ID = "bigram";
  private static final String NORM = "output_norm.weight";
  private static final float EPSILON = 1e-5f;

  /** The layer of operators that belong to none. */
  private static final int NO_LAYER = -1;

  /** Made by the service loader. */
  public BigramArchitecture() {}

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
    Metadata metadata = artifact.metadata();
    Optional<String> architecture = metadata.text("general.architecture");
    if (!architecture.equals(Optional.of(ID))) {
      return Offer.declined("the file's architecture is '%s'".formatted(architecture.orElse("")));
    }
    int width = positive(metadata, "bigram.embedding_length");
    int context = positive(metadata, "bigram.context_length");
    int vocabulary = metadata.texts("tokenizer.ggml.tokens").map(List::size).orElse(0);
    if (vocabulary == 0) {
      throw new MalformedModel("the file has no vocabulary (tokenizer.ggml.tokens)");
    }
    LinearShape shape = new LinearShape(1, vocabulary, width);
    return Offer.accepted(
        new ModelPlan(
            ID,
            width,
            vocabulary,
            context,
            List.of(
                new Stage.Embedding(bind(binder, Role.EMBEDDING, "token_embd", shape)),
                new Stage.Head(norm(artifact, width), bind(binder, Role.HEAD, "output", shape)))));
  }

  private static EncodedLinear bind(Binder binder, Role role, String stem, LinearShape shape) {
    return binder.bind(new OperatorId(NO_LAYER, role), stem, shape);
  }

  private static int positive(Metadata metadata, String key) {
    OptionalLong value = metadata.whole(key);
    if (value.isEmpty()) {
      throw new MalformedModel("the file lacks the metadata key " + key);
    }
    if (value.getAsLong() < 1 || value.getAsLong() > Integer.MAX_VALUE) {
      throw new MalformedModel(
          "metadata key '%s' must be a positive number, not %d".formatted(key, value.getAsLong()));
    }
    return (int) value.getAsLong();
  }

  /** Norms are the architecture's affair: their weights are handed over as F32. */
  private static Norm norm(ModelArtifact artifact, int width) {
    Tensor weight = artifact.tensors().get(NORM);
    if (weight == null) {
      throw new MalformedModel("the file lacks the tensor '" + NORM + "'");
    }
    MemorySegment bytes = weight.bytes();
    if (!weight.type().equals(new StorageType.Plain(ElementType.F32))
        || bytes.byteSize() != (long) width * Float.BYTES) {
      throw new MalformedModel(
          "tensor '%s' must hold %d values of type F32, but is %s of type %s"
              .formatted(NORM, width, weight.shape(), weight.type()));
    }
    return new Norm(bytes, EPSILON);
  }
}
