/** A small HTTP service with a model inside. */
@NullMarked
package org.espalier.examples.service;

import org.jspecify.annotations.NullMarked;
