package org.espalier.arch.olmoe;

import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;

/** OLMoE. */
public final class OlmoeArchitecture implements Architecture {
  @Override
  public String id() {
    return "olmoe";
  }

  @Override
  public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
    return Offer.declined("not yet written");
  }
}
