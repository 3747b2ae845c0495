package org.espalier.arch.olmoe;

import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.testkit.contract.ArchitectureContract;

class HfContractTest extends ArchitectureContract {
  @Override
  protected Architecture architecture() {
    return new OlmoeArchitecture();
  }

  @Override
  protected ModelArtifact artifact() {
    return new HfModel().artifact();
  }
}
