package org.espalier.testkit.contract;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
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
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.Tensor;

/** A small honest architecture: an embedding, one layer of attention with one head, a head. */
class TrialArchitecture implements Architecture {
  @Override
  public String id() {
    return "trial";
  }

  @Override
  public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
    if (!"trial".equals(architecture(artifact.metadata()))) {
      return Offer.declined("this is no trial model");
    }
    int width = whole(artifact.metadata(), "trial.width");
    int vocabulary = whole(artifact.metadata(), "trial.vocabulary");
    List<Stage> stages = new ArrayList<>();
    stages.add(
        new Stage.Embedding(bind(binder, -1, Role.EMBEDDING, "embedding", vocabulary, width)));
    stages.add(
        new Stage.Attention(
            0,
            norm(artifact, "norm.weight", width),
            bind(binder, 0, Role.QUERY, "q", width, width),
            bind(binder, 0, Role.KEY, "k", width, width),
            bind(binder, 0, Role.VALUE, "v", width, width),
            bind(binder, 0, Role.ATTENTION_OUTPUT, "o", width, width),
            Optional.empty(),
            Optional.empty(),
            OptionalDouble.empty(),
            new Rope(width / 2 * 2, 100),
            1,
            1,
            width,
            1));
    stages.add(
        new Stage.Head(
            norm(artifact, "norm.weight", width),
            bind(binder, -1, Role.HEAD, "head", vocabulary, width)));
    return Offer.accepted(new ModelPlan("trial", width, vocabulary, 100, stages));
  }

  /** The architecture that the metadata name, or nothing. */
  String architecture(Metadata metadata) {
    return metadata.text("general.architecture").orElse("");
  }

  /** A positive number. */
  int whole(Metadata metadata, String key) {
    long value =
        metadata
            .whole(key)
            .orElseThrow(() -> new MalformedModel("the metadata key " + key + " is missing"));
    if (value < 1 || value > 1 << 20) {
      throw new MalformedModel("the metadata key %s is %d".formatted(key, value));
    }
    return (int) value;
  }

  /** What to say of a missing tensor. */
  String missing(String name) {
    return "the tensor " + name + " is missing";
  }

  private Norm norm(ModelArtifact artifact, String name, int width) {
    Tensor tensor = artifact.tensors().get(name);
    if (tensor == null) {
      throw new MalformedModel(missing(name));
    }
    if (!tensor.shape().equals(List.of((long) width))) {
      throw new MalformedModel("the tensor %s is %s".formatted(name, tensor.shape()));
    }
    return new Norm(tensor.bytes(), 1e-5f);
  }

  private static EncodedLinear bind(
      Binder binder, int layer, Role role, String stem, int outputs, int inputs) {
    return binder.bind(new OperatorId(layer, role), stem, new LinearShape(1, outputs, inputs));
  }
}
