package org.espalier.runtime.quantisation.pipeline;

import org.espalier.api.linear.OperatorId;
import org.espalier.runtime.quantisation.QuantizedMatrix;

/**
 * What became of one matrix.
 *
 * @param tensor that holds it
 * @param expert index in the bank
 * @param rows outputs
 * @param columns inputs
 * @param tokens of the calibration that reached it
 * @param scale of its codes
 * @param proxyLoss mean squared error of an output on the calibration data
 * @param proxyEnergy mean square of an output there
 * @param relativeError squared error of the weights over their squares
 */
public record MatrixReport(
    OperatorId operator,
    String tensor,
    int expert,
    int rows,
    int columns,
    long tokens,
    float scale,
    double proxyLoss,
    double proxyEnergy,
    double relativeError) {

  static MatrixReport of(Operator.Unit unit, UnitFile.Result result) {
    Operator operator = unit.operator();
    QuantizedMatrix matrix = result.matrix();
    return new MatrixReport(
        operator.id(),
        operator.tensor(),
        unit.expert(),
        operator.rows(),
        operator.columns(),
        result.tokens(),
        matrix.scale(),
        matrix.proxyLoss(),
        matrix.proxyEnergy(),
        matrix.relativeError());
  }

  /** Loss over energy; 0 for a matrix of zeros. */
  public double relativeLoss() {
    return proxyEnergy == 0 ? 0 : proxyLoss / proxyEnergy;
  }
}
