package org.espalier.runtime.quantisation.pipeline;

import java.util.Optional;

/** Where results of units are found. */
@FunctionalInterface
interface Results {

  /** The result of a unit, if it is finished. */
  Optional<UnitFile.Result> result(Operator.Unit unit);
}
