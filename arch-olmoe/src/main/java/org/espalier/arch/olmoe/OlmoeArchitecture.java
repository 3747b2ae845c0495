package org.espalier.arch.olmoe;

import java.util.Map;
import java.util.Optional;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.Tensor;

/**
 * OLMoE: decoders with a mixture of experts in every layer and norms over all queries and all keys.
 *
 * <p>All numbers come from the file's metadata. What the metadata or the tensors ask for beyond
 * OLMoE is refused, not passed over, since leaving it out would change the results unnoticed.
 */
public final class OlmoeArchitecture implements Architecture {
  static final String ID = "olmoe";

  private static final String ARCHITECTURE_KEY = "general.architecture";

  /** A provider for the service loader. */
  public OlmoeArchitecture() {}

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
    Optional<String> architecture = artifact.metadata().text(ARCHITECTURE_KEY);
    if (architecture.isEmpty()) {
      return Offer.declined("the file does not say its architecture: no " + ARCHITECTURE_KEY);
    }
    if (!architecture.get().equals(ID)) {
      return Offer.declined(
          "the file's architecture is '%s', not '%s'".formatted(architecture.get(), ID));
    }
    return Offer.accepted(planner(artifact, binder).plan());
  }

  @Override
  public Offer<ModelContent> content(ModelPlan plan) {
    if (!plan.architecture().equals(ID)) {
      return Offer.declined(
          "the plan's architecture is '%s', not '%s'".formatted(plan.architecture(), ID));
    }
    if (!plan.takesTokens() || !plan.givesLogits()) {
      return Offer.declined("a slice of a plan is no model");
    }
    return Offer.accepted(GgufContent.of(plan));
  }

  /** Checkpoints and GGUF files differ in keys and names, and are alike from here on. */
  private static Planner planner(ModelArtifact artifact, Binder binder) {
    Metadata metadata = artifact.metadata();
    Map<String, Tensor> tensors = artifact.tensors();
    return HfConfig.describes(metadata)
        ? new Planner(HfConfig.read(metadata), HfConfig.names(metadata), tensors, binder)
        : new Planner(GgufConfig.read(metadata), GgufTensors.of(tensors.keySet()), tensors, binder);
  }
}
