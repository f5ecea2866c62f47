# flake8: noqa

# auto-generated DO NOT EDIT

from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.msg import FloatingPointRange, IntegerRange
from rclpy.clock import Clock
from rclpy.exceptions import InvalidParameterValueException
from rclpy.time import Time
import copy
import sys
import rclpy
import rclpy.parameter
from generate_parameter_library_py.python_validators import ParameterValidators



class restore_parameters:

    class Params:
        # for detecting if the parameter struct has been updated
        stamp_ = Time()

        model = "restore-lite"
        backend = "auto"
        device = "auto"
        threads = 0
        image_transport = "raw"
        output_encoding = ""
        significant_bits = 0
        max_age = 0.5
        deadline = 0.0
        gate_threshold = 8.1
        bypass = False
        on_failure = "passthrough"
        retry = 5.0
        hang_timeout = 10.0
        autostart = True
        journal = ""
        class __Engine:
            precision = "fp16"
            optimization_level = 3
            workspace_mib = 1024
            min_psnr_db = 0.0
            zero_copy = False
        engine = __Engine()
        class __Compressed:
            format = "jpeg"
            jpeg_quality = 90
        compressed = __Compressed()



    class ParamListener:
        def __init__(self, node, prefix=""):
            self.prefix_ = prefix
            self.params_ = restore_parameters.Params()
            self.node_ = node
            self.logger_ = rclpy.logging.get_logger("restore_parameters." + prefix)

            self.declare_params()

            self.node_.add_on_set_parameters_callback(self.update)
            self.user_callback = None
            self.clock_ = Clock()

        def get_params(self):
            tmp = self.params_.stamp_
            self.params_.stamp_ = None
            paramCopy = copy.deepcopy(self.params_)
            paramCopy.stamp_ = tmp
            self.params_.stamp_ = tmp
            return paramCopy

        def is_old(self, other_param):
            return self.params_.stamp_ != other_param.stamp_

        def unpack_parameter_dict(self, namespace: str, parameter_dict: dict):
            """
            Flatten a parameter dictionary recursively.

            :param namespace: The namespace to prepend to the parameter names.
            :param parameter_dict: A dictionary of parameters keyed by the parameter names
            :return: A list of rclpy Parameter objects
            """
            parameters = []
            for param_name, param_value in parameter_dict.items():
                full_param_name = namespace + param_name
                # Unroll nested parameters
                if isinstance(param_value, dict):
                    nested_params = self.unpack_parameter_dict(
                            namespace=full_param_name + rclpy.parameter.PARAMETER_SEPARATOR_STRING,
                            parameter_dict=param_value)
                    parameters.extend(nested_params)
                else:
                    parameters.append(rclpy.parameter.Parameter(full_param_name, value=param_value))
            return parameters

        def set_params_from_dict(self, param_dict):
            params_to_set = self.unpack_parameter_dict('', param_dict)
            self.update(params_to_set)

        def set_user_callback(self, callback):
            self.user_callback = callback

        def clear_user_callback(self):
            self.user_callback = None

        def refresh_dynamic_parameters(self):
            updated_params = self.get_params()
            # TODO remove any destroyed dynamic parameters

            # declare any new dynamic parameters


        def update(self, parameters):
            updated_params = self.get_params()

            for param in parameters:
                if param.name == self.prefix_ + "model":
                    validation_result = ParameterValidators.not_empty(param)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.model = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "backend":
                    validation_result = ParameterValidators.one_of(param, ["auto", "tensorrt", "openvino", "onnxruntime", "passthrough"])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.backend = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "device":
                    validation_result = ParameterValidators.one_of(param, ["auto", "cuda", "intel_gpu", "cpu"])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.device = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "threads":
                    validation_result = ParameterValidators.bounds(param, 0, 256)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.threads = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "engine.precision":
                    validation_result = ParameterValidators.one_of(param, ["fp16", "fp32", "int8"])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.engine.precision = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "engine.optimization_level":
                    validation_result = ParameterValidators.bounds(param, 0, 5)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.engine.optimization_level = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "engine.workspace_mib":
                    validation_result = ParameterValidators.bounds(param, 1, 1048576)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.engine.workspace_mib = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "engine.min_psnr_db":
                    validation_result = ParameterValidators.bounds(param, 0.0, 100.0)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.engine.min_psnr_db = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "engine.zero_copy":
                    updated_params.engine.zero_copy = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "image_transport":
                    validation_result = ParameterValidators.one_of(param, ["raw", "compressed"])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.image_transport = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "output_encoding":
                    validation_result = ParameterValidators.one_of(param, ["", "rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.output_encoding = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "significant_bits":
                    validation_result = ParameterValidators.one_of(param, [0, 9, 10, 11, 12, 13, 14, 15, 16])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.significant_bits = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "compressed.format":
                    validation_result = ParameterValidators.one_of(param, ["jpeg", "png"])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.compressed.format = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "compressed.jpeg_quality":
                    validation_result = ParameterValidators.bounds(param, 1, 100)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.compressed.jpeg_quality = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "max_age":
                    validation_result = ParameterValidators.bounds(param, 0.0, 600.0)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.max_age = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "deadline":
                    validation_result = ParameterValidators.bounds(param, 0.0, 600.0)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.deadline = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "gate_threshold":
                    validation_result = ParameterValidators.bounds(param, 0.0, 255.0)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.gate_threshold = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "bypass":
                    updated_params.bypass = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "on_failure":
                    validation_result = ParameterValidators.one_of(param, ["passthrough", "drop"])
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.on_failure = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "retry":
                    validation_result = ParameterValidators.bounds(param, 0.1, 3600.0)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.retry = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "hang_timeout":
                    validation_result = ParameterValidators.bounds(param, 0.0, 3600.0)
                    if validation_result:
                        return SetParametersResult(successful=False, reason=validation_result)
                    updated_params.hang_timeout = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "autostart":
                    updated_params.autostart = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))

                if param.name == self.prefix_ + "journal":
                    updated_params.journal = param.value
                    self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))



            updated_params.stamp_ = self.clock_.now()
            self.update_internal_params(updated_params)
            if self.user_callback:
                self.user_callback(self.get_params())
            return SetParametersResult(successful=True)

        def update_internal_params(self, updated_params):
            self.params_ = updated_params

        def declare_params(self):
            updated_params = self.get_params()
            # declare all parameters and give default values to non-required ones
            if not self.node_.has_parameter(self.prefix_ + "model"):
                descriptor = ParameterDescriptor(description=r"Model to run: the name of an installed one, or the path of a .onnx file with its .json card beside it. May change while running: the new one is loaded in the background and takes over between two frames.", read_only = False)
                parameter = updated_params.model
                self.node_.declare_parameter(self.prefix_ + "model", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "backend"):
                descriptor = ParameterDescriptor(description=r"What runs the model: auto (the best that works on this machine), tensorrt, openvino, onnxruntime, or passthrough (publishes every frame as it came).", read_only = True)
                parameter = updated_params.backend
                self.node_.declare_parameter(self.prefix_ + "backend", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "device"):
                descriptor = ParameterDescriptor(description=r"auto (the best that is there), cuda, intel_gpu (Intel graphics), or cpu. Diagnostics say which one runs.", read_only = True)
                parameter = updated_params.device
                self.node_.declare_parameter(self.prefix_ + "device", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "threads"):
                descriptor = ParameterDescriptor(description=r"CPU threads of the backend; 0 takes one per core.", read_only = True)
                descriptor.integer_range.append(IntegerRange())
                descriptor.integer_range[-1].from_value = 0
                descriptor.integer_range[-1].to_value = 256
                parameter = updated_params.threads
                self.node_.declare_parameter(self.prefix_ + "threads", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "engine.precision"):
                descriptor = ParameterDescriptor(description=r"Precision of TensorRT engines: fp16, fp32, or int8 for a model that has an int8 graph.", read_only = True)
                parameter = updated_params.engine.precision
                self.node_.declare_parameter(self.prefix_ + "engine.precision", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "engine.optimization_level"):
                descriptor = ParameterDescriptor(description=r"Effort of the TensorRT builder, 0 (quick build) to 5.", read_only = True)
                descriptor.integer_range.append(IntegerRange())
                descriptor.integer_range[-1].from_value = 0
                descriptor.integer_range[-1].to_value = 5
                parameter = updated_params.engine.optimization_level
                self.node_.declare_parameter(self.prefix_ + "engine.optimization_level", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "engine.workspace_mib"):
                descriptor = ParameterDescriptor(description=r"GPU memory that a layer may use to work in, MiB; it is also what the builder may take. Lower it where it runs out.", read_only = True)
                descriptor.integer_range.append(IntegerRange())
                descriptor.integer_range[-1].from_value = 1
                descriptor.integer_range[-1].to_value = 1048576
                parameter = updated_params.engine.workspace_mib
                self.node_.declare_parameter(self.prefix_ + "engine.workspace_mib", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "engine.min_psnr_db"):
                descriptor = ParameterDescriptor(description=r"An engine is used only if its output is at least this like that of ONNX Runtime on the CPU, dB; 0 takes 40 for fp16, 45 for int8 and 60 for fp32.", read_only = True)
                descriptor.floating_point_range.append(FloatingPointRange())
                descriptor.floating_point_range[-1].from_value = 0.0
                descriptor.floating_point_range[-1].to_value = 100.0
                parameter = updated_params.engine.min_psnr_db
                self.node_.declare_parameter(self.prefix_ + "engine.min_psnr_db", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "engine.zero_copy"):
                descriptor = ParameterDescriptor(description=r"Where GPU and CPU share their memory (Jetson), let the GPU use the image buffers in place. Measure before you keep it.", read_only = True)
                parameter = updated_params.engine.zero_copy
                self.node_.declare_parameter(self.prefix_ + "engine.zero_copy", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "image_transport"):
                descriptor = ParameterDescriptor(description=r"raw subscribes image_raw; compressed subscribes image_raw/compressed (jpeg, png). Restored images go out both ways, whichever is subscribed.", read_only = True)
                parameter = updated_params.image_transport
                self.node_.declare_parameter(self.prefix_ + "image_transport", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "output_encoding"):
                descriptor = ParameterDescriptor(description=r"Encoding of published images; empty keeps that of the input (Bayer, 4:2:2 and compressed become bgr8). May change while running.", read_only = False)
                parameter = updated_params.output_encoding
                self.node_.declare_parameter(self.prefix_ + "output_encoding", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "significant_bits"):
                descriptor = ParameterDescriptor(description=r"Bits that the camera fills of mono16, rgb16 and the like, where those are fewer than 16 (10, 12, 14); 0 where the name is right. May change while running.", read_only = False)
                parameter = updated_params.significant_bits
                self.node_.declare_parameter(self.prefix_ + "significant_bits", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "compressed.format"):
                descriptor = ParameterDescriptor(description=r"Format of image_restored/compressed: jpeg or png. May change while running.", read_only = False)
                parameter = updated_params.compressed.format
                self.node_.declare_parameter(self.prefix_ + "compressed.format", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "compressed.jpeg_quality"):
                descriptor = ParameterDescriptor(description=r"Quality of the jpeg images of image_restored/compressed, 1 to 100. May change while running.", read_only = False)
                descriptor.integer_range.append(IntegerRange())
                descriptor.integer_range[-1].from_value = 1
                descriptor.integer_range[-1].to_value = 100
                parameter = updated_params.compressed.jpeg_quality
                self.node_.declare_parameter(self.prefix_ + "compressed.jpeg_quality", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "max_age"):
                descriptor = ParameterDescriptor(description=r"A frame whose stamp is older than this when its turn comes is dropped as stale, seconds; 0 never drops. Zero and future stamps are never stale. It also bounds the age at publication: see deadline. May change while running.", read_only = False)
                descriptor.floating_point_range.append(FloatingPointRange())
                descriptor.floating_point_range[-1].from_value = 0.0
                descriptor.floating_point_range[-1].to_value = 600.0
                parameter = updated_params.max_age
                self.node_.declare_parameter(self.prefix_ + "max_age", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "deadline"):
                descriptor = ParameterDescriptor(description=r"A frame leaves at most this long after its stamp (after its arrival, where the stamp tells no age), seconds: restored where there is time, by what restoring took lately, else as it came. 0 takes max_age. May change while running.", read_only = False)
                descriptor.floating_point_range.append(FloatingPointRange())
                descriptor.floating_point_range[-1].from_value = 0.0
                descriptor.floating_point_range[-1].to_value = 600.0
                parameter = updated_params.deadline
                self.node_.declare_parameter(self.prefix_ + "deadline", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "gate_threshold"):
                descriptor = ParameterDescriptor(description=r"A frame that the model changes by less than this, mean grey levels 0..255 in a 16 pixel block, in all but 3 percent of the blocks, counts as clean and its original is published; 0 restores every frame. May change while running.", read_only = False)
                descriptor.floating_point_range.append(FloatingPointRange())
                descriptor.floating_point_range[-1].from_value = 0.0
                descriptor.floating_point_range[-1].to_value = 255.0
                parameter = updated_params.gate_threshold
                self.node_.declare_parameter(self.prefix_ + "gate_threshold", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "bypass"):
                descriptor = ParameterDescriptor(description=r"Publish every frame as it came. May change while running.", read_only = False)
                parameter = updated_params.bypass
                self.node_.declare_parameter(self.prefix_ + "bypass", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "on_failure"):
                descriptor = ParameterDescriptor(description=r"What becomes of frames while no model works: passthrough publishes the originals (the detector never goes blind), drop publishes nothing and makes configure fail. May change while running.", read_only = False)
                parameter = updated_params.on_failure
                self.node_.declare_parameter(self.prefix_ + "on_failure", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "retry"):
                descriptor = ParameterDescriptor(description=r"Seconds between attempts to open a model that failed.", read_only = True)
                descriptor.floating_point_range.append(FloatingPointRange())
                descriptor.floating_point_range[-1].from_value = 0.1
                descriptor.floating_point_range[-1].to_value = 3600.0
                parameter = updated_params.retry
                self.node_.declare_parameter(self.prefix_ + "retry", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "hang_timeout"):
                descriptor = ParameterDescriptor(description=r"A backend that takes longer than this for one frame, seconds, hangs: it is given up, the frame passes through, and the model is opened again. 0 waits for ever.", read_only = True)
                descriptor.floating_point_range.append(FloatingPointRange())
                descriptor.floating_point_range[-1].from_value = 0.0
                descriptor.floating_point_range[-1].to_value = 3600.0
                parameter = updated_params.hang_timeout
                self.node_.declare_parameter(self.prefix_ + "hang_timeout", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "autostart"):
                descriptor = ParameterDescriptor(description=r"Configure and activate at start. Set it to false where a lifecycle manager does that.", read_only = True)
                parameter = updated_params.autostart
                self.node_.declare_parameter(self.prefix_ + "autostart", parameter, descriptor)

            if not self.node_.has_parameter(self.prefix_ + "journal"):
                descriptor = ParameterDescriptor(description=r"File that gets one line of JSON for each frame and its outcome; empty writes none.", read_only = True)
                parameter = updated_params.journal
                self.node_.declare_parameter(self.prefix_ + "journal", parameter, descriptor)

            # TODO: need validation
            # get parameters and fill struct fields
            param = self.node_.get_parameter(self.prefix_ + "model")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.not_empty(param)
            if validation_result:
                raise InvalidParameterValueException('model',param.value, 'Invalid value set during initialization for parameter model: ' + validation_result)
            updated_params.model = param.value
            param = self.node_.get_parameter(self.prefix_ + "backend")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, ["auto", "tensorrt", "openvino", "onnxruntime", "passthrough"])
            if validation_result:
                raise InvalidParameterValueException('backend',param.value, 'Invalid value set during initialization for parameter backend: ' + validation_result)
            updated_params.backend = param.value
            param = self.node_.get_parameter(self.prefix_ + "device")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, ["auto", "cuda", "intel_gpu", "cpu"])
            if validation_result:
                raise InvalidParameterValueException('device',param.value, 'Invalid value set during initialization for parameter device: ' + validation_result)
            updated_params.device = param.value
            param = self.node_.get_parameter(self.prefix_ + "threads")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0, 256)
            if validation_result:
                raise InvalidParameterValueException('threads',param.value, 'Invalid value set during initialization for parameter threads: ' + validation_result)
            updated_params.threads = param.value
            param = self.node_.get_parameter(self.prefix_ + "engine.precision")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, ["fp16", "fp32", "int8"])
            if validation_result:
                raise InvalidParameterValueException('engine.precision',param.value, 'Invalid value set during initialization for parameter engine.precision: ' + validation_result)
            updated_params.engine.precision = param.value
            param = self.node_.get_parameter(self.prefix_ + "engine.optimization_level")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0, 5)
            if validation_result:
                raise InvalidParameterValueException('engine.optimization_level',param.value, 'Invalid value set during initialization for parameter engine.optimization_level: ' + validation_result)
            updated_params.engine.optimization_level = param.value
            param = self.node_.get_parameter(self.prefix_ + "engine.workspace_mib")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 1, 1048576)
            if validation_result:
                raise InvalidParameterValueException('engine.workspace_mib',param.value, 'Invalid value set during initialization for parameter engine.workspace_mib: ' + validation_result)
            updated_params.engine.workspace_mib = param.value
            param = self.node_.get_parameter(self.prefix_ + "engine.min_psnr_db")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0.0, 100.0)
            if validation_result:
                raise InvalidParameterValueException('engine.min_psnr_db',param.value, 'Invalid value set during initialization for parameter engine.min_psnr_db: ' + validation_result)
            updated_params.engine.min_psnr_db = param.value
            param = self.node_.get_parameter(self.prefix_ + "engine.zero_copy")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            updated_params.engine.zero_copy = param.value
            param = self.node_.get_parameter(self.prefix_ + "image_transport")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, ["raw", "compressed"])
            if validation_result:
                raise InvalidParameterValueException('image_transport',param.value, 'Invalid value set during initialization for parameter image_transport: ' + validation_result)
            updated_params.image_transport = param.value
            param = self.node_.get_parameter(self.prefix_ + "output_encoding")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, ["", "rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
            if validation_result:
                raise InvalidParameterValueException('output_encoding',param.value, 'Invalid value set during initialization for parameter output_encoding: ' + validation_result)
            updated_params.output_encoding = param.value
            param = self.node_.get_parameter(self.prefix_ + "significant_bits")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, [0, 9, 10, 11, 12, 13, 14, 15, 16])
            if validation_result:
                raise InvalidParameterValueException('significant_bits',param.value, 'Invalid value set during initialization for parameter significant_bits: ' + validation_result)
            updated_params.significant_bits = param.value
            param = self.node_.get_parameter(self.prefix_ + "compressed.format")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, ["jpeg", "png"])
            if validation_result:
                raise InvalidParameterValueException('compressed.format',param.value, 'Invalid value set during initialization for parameter compressed.format: ' + validation_result)
            updated_params.compressed.format = param.value
            param = self.node_.get_parameter(self.prefix_ + "compressed.jpeg_quality")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 1, 100)
            if validation_result:
                raise InvalidParameterValueException('compressed.jpeg_quality',param.value, 'Invalid value set during initialization for parameter compressed.jpeg_quality: ' + validation_result)
            updated_params.compressed.jpeg_quality = param.value
            param = self.node_.get_parameter(self.prefix_ + "max_age")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0.0, 600.0)
            if validation_result:
                raise InvalidParameterValueException('max_age',param.value, 'Invalid value set during initialization for parameter max_age: ' + validation_result)
            updated_params.max_age = param.value
            param = self.node_.get_parameter(self.prefix_ + "deadline")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0.0, 600.0)
            if validation_result:
                raise InvalidParameterValueException('deadline',param.value, 'Invalid value set during initialization for parameter deadline: ' + validation_result)
            updated_params.deadline = param.value
            param = self.node_.get_parameter(self.prefix_ + "gate_threshold")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0.0, 255.0)
            if validation_result:
                raise InvalidParameterValueException('gate_threshold',param.value, 'Invalid value set during initialization for parameter gate_threshold: ' + validation_result)
            updated_params.gate_threshold = param.value
            param = self.node_.get_parameter(self.prefix_ + "bypass")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            updated_params.bypass = param.value
            param = self.node_.get_parameter(self.prefix_ + "on_failure")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.one_of(param, ["passthrough", "drop"])
            if validation_result:
                raise InvalidParameterValueException('on_failure',param.value, 'Invalid value set during initialization for parameter on_failure: ' + validation_result)
            updated_params.on_failure = param.value
            param = self.node_.get_parameter(self.prefix_ + "retry")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0.1, 3600.0)
            if validation_result:
                raise InvalidParameterValueException('retry',param.value, 'Invalid value set during initialization for parameter retry: ' + validation_result)
            updated_params.retry = param.value
            param = self.node_.get_parameter(self.prefix_ + "hang_timeout")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            validation_result = ParameterValidators.bounds(param, 0.0, 3600.0)
            if validation_result:
                raise InvalidParameterValueException('hang_timeout',param.value, 'Invalid value set during initialization for parameter hang_timeout: ' + validation_result)
            updated_params.hang_timeout = param.value
            param = self.node_.get_parameter(self.prefix_ + "autostart")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            updated_params.autostart = param.value
            param = self.node_.get_parameter(self.prefix_ + "journal")
            self.logger_.debug(param.name + ": " + param.type_.name + " = " + str(param.value))
            updated_params.journal = param.value


            self.update_internal_params(updated_params)
