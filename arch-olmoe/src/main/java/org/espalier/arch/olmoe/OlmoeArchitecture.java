package org.espalier.arch.olmoe;

import java.util.Optional;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;

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
    OlmoeConfig config = GgufConfig.read(artifact.metadata());
    GgufTensors.requireNoOthers(artifact.tensors().keySet(), config.layers());
    return Offer.accepted(new Planner(config, artifact.tensors(), binder).plan());
  }
}
