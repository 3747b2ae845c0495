package org.espalier.format.gguf;

import org.espalier.api.format.ModelFormat;
import org.espalier.testkit.contract.FormatContract;

class GgufContractTest extends FormatContract {
  @Override
  protected ModelFormat format() {
    return new GgufFormat();
  }
}
