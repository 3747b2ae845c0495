package org.espalier.runtime.conversion;

/**
 * What a conversion did.
 *
 * @param tensors written
 * @param weights numbers in them
 * @param rounded how many of these the new type could not hold exactly
 * @param largestError the largest |new − old| among them
 * @param bytes of the tensors
 */
public record ConversionReport(
    int tensors, long weights, long rounded, double largestError, long bytes) {}
