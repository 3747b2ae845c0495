/**
 * What every codec, format, architecture and backend must hold to, as test classes: extend one,
 * name your provider, and run it with JUnit.
 */
@NullMarked
package org.espalier.testkit.contract;

import org.jspecify.annotations.NullMarked;
