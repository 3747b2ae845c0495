package org.espalier.runtime.quantisation;

/**
 * What became of one matrix.
 *
 * @param codes of all tiles, tile row by tile row, as {@link org.espalier.api.codec.Packing#pack}
 *     takes them
 * @param scale by which decoded values are multiplied, before a file rounds it
 * @param proxyLoss tr(E H Eᵀ) / m of the error E that readers of the file will see, with H undamped
 *     and m outputs: the mean squared error of an output on the calibration data
 * @param proxyEnergy tr(W H Wᵀ) / m: the mean square of an output, to compare the loss with
 * @param relativeError Σ E² / Σ W²
 */
public record QuantizedMatrix(
    byte[] codes, float scale, double proxyLoss, double proxyEnergy, double relativeError) {}
