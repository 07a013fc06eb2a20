"""The field lists of OCPP-S, as its WSDLs have them. Written by scripts/soap-tables: do not edit.

`TYPES`: by version and type, the elements in their order: `name`, then `?` for optional, `*` for any number, `+` for
one or more, then `:` and its type; a string has none. `=name` is the text of the element itself, `@name` an attribute.
`WORDS`: by version, the values of each enumeration.
"""

TYPES: dict[str, dict[str, str]] = {
    "1.2": {
        "IdTagInfo": "status:AuthorizationStatus expiryDate?:time parentIdTag?",
        "AuthorizeRequest": "idTag",
        "AuthorizeResponse": "idTagInfo:IdTagInfo",
        "StartTransactionRequest": "connectorId:int idTag timestamp:time meterStart:int",
        "StartTransactionResponse": "transactionId:int idTagInfo:IdTagInfo",
        "StopTransactionRequest": "transactionId:int idTag? timestamp:time meterStop:int",
        "StopTransactionResponse": "idTagInfo?:IdTagInfo",
        "HeartbeatRequest": "",
        "HeartbeatResponse": "currentTime:time",
        "MeterValue": "timestamp:time value:int",
        "MeterValuesRequest": "connectorId:int values*:MeterValue",
        "MeterValuesResponse": "",
        "BootNotificationRequest": (
            "chargePointVendor chargePointModel chargePointSerialNumber? chargeBoxSerialNumber? firmwareVersion? "
            "iccid? imsi? meterType? meterSerialNumber?"
        ),
        "BootNotificationResponse": "status:RegistrationStatus currentTime?:time heartbeatInterval?:int",
        "StatusNotificationRequest": "connectorId:int status:ChargePointStatus errorCode:ChargePointErrorCode",
        "StatusNotificationResponse": "",
        "FirmwareStatusNotificationRequest": "status:FirmwareStatus",
        "FirmwareStatusNotificationResponse": "",
        "DiagnosticsStatusNotificationRequest": "status:DiagnosticsStatus",
        "DiagnosticsStatusNotificationResponse": "",
        "UnlockConnectorRequest": "connectorId:int",
        "UnlockConnectorResponse": "status:UnlockStatus",
        "ResetRequest": "type:ResetType",
        "ResetResponse": "status:ResetStatus",
        "ChangeAvailabilityRequest": "connectorId:int type:AvailabilityType",
        "ChangeAvailabilityResponse": "status:AvailabilityStatus",
        "GetDiagnosticsRequest": "location startTime?:time stopTime?:time retries?:int retryInterval?:int",
        "GetDiagnosticsResponse": "fileName?",
        "ClearCacheRequest": "",
        "ClearCacheResponse": "status:ClearCacheStatus",
        "UpdateFirmwareRequest": "retrieveDate:time location retries?:int retryInterval?:int",
        "UpdateFirmwareResponse": "",
        "ChangeConfigurationRequest": "key value",
        "ChangeConfigurationResponse": "status:ConfigurationStatus",
        "RemoteStartTransactionRequest": "idTag connectorId?:int",
        "RemoteStartTransactionResponse": "status:RemoteStartStopStatus",
        "RemoteStopTransactionRequest": "transactionId:int",
        "RemoteStopTransactionResponse": "status:RemoteStartStopStatus",
    },
    "1.5": {
        "IdTagInfo": "status:AuthorizationStatus expiryDate?:time parentIdTag?",
        "AuthorizeRequest": "idTag",
        "AuthorizeResponse": "idTagInfo:IdTagInfo",
        "StartTransactionRequest": "connectorId:int idTag timestamp:time meterStart:int reservationId?:int",
        "StartTransactionResponse": "transactionId:int idTagInfo:IdTagInfo",
        "TransactionData": "values*:MeterValue",
        "StopTransactionRequest": (
            "transactionId:int idTag? timestamp:time meterStop:int transactionData*:TransactionData"
        ),
        "StopTransactionResponse": "idTagInfo?:IdTagInfo",
        "HeartbeatRequest": "",
        "HeartbeatResponse": "currentTime:time",
        "MeterValue": "timestamp:time value+:Value",
        "Value": (
            "=value @context:ReadingContext @format:ValueFormat @measurand:Measurand @location:Location "
            "@unit:UnitOfMeasure"
        ),
        "MeterValuesRequest": "connectorId:int transactionId?:int values*:MeterValue",
        "MeterValuesResponse": "",
        "BootNotificationRequest": (
            "chargePointVendor chargePointModel chargePointSerialNumber? chargeBoxSerialNumber? firmwareVersion? "
            "iccid? imsi? meterType? meterSerialNumber?"
        ),
        "BootNotificationResponse": "status:RegistrationStatus currentTime:time heartbeatInterval:int",
        "StatusNotificationRequest": (
            "connectorId:int status:ChargePointStatus errorCode:ChargePointErrorCode info? timestamp?:time vendorId? "
            "vendorErrorCode?"
        ),
        "StatusNotificationResponse": "",
        "FirmwareStatusNotificationRequest": "status:FirmwareStatus",
        "FirmwareStatusNotificationResponse": "",
        "DiagnosticsStatusNotificationRequest": "status:DiagnosticsStatus",
        "DiagnosticsStatusNotificationResponse": "",
        "DataTransferRequest": "vendorId messageId? data?",
        "DataTransferResponse": "status:DataTransferStatus data?",
        "UnlockConnectorRequest": "connectorId:int",
        "UnlockConnectorResponse": "status:UnlockStatus",
        "ResetRequest": "type:ResetType",
        "ResetResponse": "status:ResetStatus",
        "ChangeAvailabilityRequest": "connectorId:int type:AvailabilityType",
        "ChangeAvailabilityResponse": "status:AvailabilityStatus",
        "GetDiagnosticsRequest": "location startTime?:time stopTime?:time retries?:int retryInterval?:int",
        "GetDiagnosticsResponse": "fileName?",
        "ClearCacheRequest": "",
        "ClearCacheResponse": "status:ClearCacheStatus",
        "UpdateFirmwareRequest": "retrieveDate:time location retries?:int retryInterval?:int",
        "UpdateFirmwareResponse": "",
        "ChangeConfigurationRequest": "key value",
        "ChangeConfigurationResponse": "status:ConfigurationStatus",
        "RemoteStartTransactionRequest": "idTag connectorId?:int",
        "RemoteStartTransactionResponse": "status:RemoteStartStopStatus",
        "RemoteStopTransactionRequest": "transactionId:int",
        "RemoteStopTransactionResponse": "status:RemoteStartStopStatus",
        "CancelReservationRequest": "reservationId:int",
        "CancelReservationResponse": "status:CancelReservationStatus",
        "GetConfigurationRequest": "key*",
        "KeyValue": "key readonly:bool value?",
        "GetConfigurationResponse": "configurationKey*:KeyValue unknownKey*",
        "GetLocalListVersionRequest": "",
        "GetLocalListVersionResponse": "listVersion:int",
        "ReserveNowRequest": "connectorId:int expiryDate:time idTag parentIdTag? reservationId:int",
        "ReserveNowResponse": "status:ReservationStatus",
        "AuthorisationData": "idTag idTagInfo?:IdTagInfo",
        "SendLocalListRequest": (
            "updateType:UpdateType listVersion:int localAuthorisationList*:AuthorisationData hash?"
        ),
        "SendLocalListResponse": "status:UpdateStatus hash?",
    },
    "1.6": {
        "IdTagInfo": "status:AuthorizationStatus expiryDate?:time parentIdTag?",
        "AuthorizeRequest": "idTag",
        "AuthorizeResponse": "idTagInfo:IdTagInfo",
        "StartTransactionRequest": "connectorId:int idTag timestamp:time meterStart:int reservationId?:int",
        "StartTransactionResponse": "transactionId:int idTagInfo:IdTagInfo",
        "StopTransactionRequest": (
            "transactionId:int idTag? timestamp:time meterStop:int reason?:Reason transactionData*:MeterValue"
        ),
        "StopTransactionResponse": "idTagInfo?:IdTagInfo",
        "HeartbeatRequest": "",
        "HeartbeatResponse": "currentTime:time",
        "SampledValue": (
            "value context?:ReadingContext format?:ValueFormat measurand?:Measurand phase?:Phase location?:Location "
            "unit?:UnitOfMeasure"
        ),
        "MeterValue": "timestamp:time sampledValue+:SampledValue",
        "MeterValuesRequest": "connectorId:int transactionId?:int meterValue*:MeterValue",
        "MeterValuesResponse": "",
        "BootNotificationRequest": (
            "chargePointVendor chargePointModel chargePointSerialNumber? chargeBoxSerialNumber? firmwareVersion? "
            "iccid? imsi? meterType? meterSerialNumber?"
        ),
        "BootNotificationResponse": "status:RegistrationStatus currentTime:time interval:int",
        "StatusNotificationRequest": (
            "connectorId:int status:ChargePointStatus errorCode:ChargePointErrorCode info? timestamp?:time vendorId? "
            "vendorErrorCode?"
        ),
        "StatusNotificationResponse": "",
        "FirmwareStatusNotificationRequest": "status:FirmwareStatus",
        "FirmwareStatusNotificationResponse": "",
        "DiagnosticsStatusNotificationRequest": "status:DiagnosticsStatus",
        "DiagnosticsStatusNotificationResponse": "",
        "DataTransferRequest": "vendorId messageId? data?",
        "DataTransferResponse": "status:DataTransferStatus data?",
        "UnlockConnectorRequest": "connectorId:int",
        "UnlockConnectorResponse": "status:UnlockStatus",
        "ResetRequest": "type:ResetType",
        "ResetResponse": "status:ResetStatus",
        "ChangeAvailabilityRequest": "connectorId:int type:AvailabilityType",
        "ChangeAvailabilityResponse": "status:AvailabilityStatus",
        "GetDiagnosticsRequest": "location startTime?:time stopTime?:time retries?:int retryInterval?:int",
        "GetDiagnosticsResponse": "fileName?",
        "ClearCacheRequest": "",
        "ClearCacheResponse": "status:ClearCacheStatus",
        "ClearChargingProfileRequest": (
            "id?:int connectorId?:int chargingProfilePurpose?:ChargingProfilePurposeType stackLevel?:int"
        ),
        "ClearChargingProfileResponse": "status:ClearChargingProfileStatus",
        "UpdateFirmwareRequest": "retrieveDate:time location retries?:int retryInterval?:int",
        "UpdateFirmwareResponse": "",
        "ChangeConfigurationRequest": "key value",
        "ChangeConfigurationResponse": "status:ConfigurationStatus",
        "RemoteStartTransactionRequest": "connectorId?:int idTag chargingProfile?:ChargingProfile",
        "RemoteStartTransactionResponse": "status:RemoteStartStopStatus",
        "RemoteStopTransactionRequest": "transactionId:int",
        "RemoteStopTransactionResponse": "status:RemoteStartStopStatus",
        "CancelReservationRequest": "reservationId:int",
        "CancelReservationResponse": "status:CancelReservationStatus",
        "GetConfigurationRequest": "key*",
        "KeyValue": "key readonly:bool value?",
        "GetConfigurationResponse": "configurationKey*:KeyValue unknownKey*",
        "GetLocalListVersionRequest": "",
        "GetLocalListVersionResponse": "listVersion:int",
        "ChargingSchedulePeriod": "startPeriod:int limit:decimal numberPhases?:int",
        "ChargingSchedule": (
            "duration?:int startSchedule?:time chargingRateUnit:ChargingRateUnitType "
            "chargingSchedulePeriod+:ChargingSchedulePeriod minChargingRate?:decimal"
        ),
        "GetCompositeScheduleRequest": "connectorId:int duration:int chargingRateUnit?:ChargingRateUnitType",
        "GetCompositeScheduleResponse": (
            "status:GetCompositeScheduleStatus connectorId?:int scheduleStart?:time chargingSchedule?:ChargingSchedule"
        ),
        "ReserveNowRequest": "connectorId:int expiryDate:time idTag parentIdTag? reservationId:int",
        "ReserveNowResponse": "status:ReservationStatus",
        "AuthorizationData": "idTag idTagInfo?:IdTagInfo",
        "SendLocalListRequest": "listVersion:int localAuthorizationList*:AuthorizationData updateType:UpdateType",
        "SendLocalListResponse": "status:UpdateStatus",
        "ChargingProfile": (
            "chargingProfileId:int transactionId?:int stackLevel:int chargingProfilePurpose:ChargingProfilePurposeType "
            "chargingProfileKind:ChargingProfileKindType recurrencyKind?:RecurrencyKindType validFrom?:time "
            "validTo?:time chargingSchedule:ChargingSchedule"
        ),
        "SetChargingProfileRequest": "connectorId:int csChargingProfiles:ChargingProfile",
        "SetChargingProfileResponse": "status:ChargingProfileStatus",
        "TriggerMessageRequest": "requestedMessage:MessageTrigger connectorId?:int",
        "TriggerMessageResponse": "status:TriggerMessageStatus",
    },
}

WORDS: dict[str, dict[str, str]] = {
    "1.2": {
        "AuthorizationStatus": "Accepted Blocked Expired Invalid ConcurrentTx",
        "RegistrationStatus": "Accepted Rejected",
        "ChargePointErrorCode": (
            "ConnectorLockFailure HighTemperature Mode3Error NoError PowerMeterFailure PowerSwitchFailure "
            "ReaderFailure ResetFailure"
        ),
        "ChargePointStatus": "Available Occupied Faulted Unavailable",
        "FirmwareStatus": "Downloaded DownloadFailed InstallationFailed Installed",
        "DiagnosticsStatus": "Uploaded UploadFailed",
        "UnlockStatus": "Accepted Rejected",
        "ResetType": "Hard Soft",
        "ResetStatus": "Accepted Rejected",
        "AvailabilityType": "Inoperative Operative",
        "AvailabilityStatus": "Accepted Rejected Scheduled",
        "ClearCacheStatus": "Accepted Rejected",
        "ConfigurationStatus": "Accepted Rejected NotSupported",
        "RemoteStartStopStatus": "Accepted Rejected",
    },
    "1.5": {
        "AuthorizationStatus": "Accepted Blocked Expired Invalid ConcurrentTx",
        "ReadingContext": (
            "Interruption.Begin Interruption.End Sample.Clock Sample.Periodic Transaction.Begin Transaction.End"
        ),
        "Measurand": (
            "Energy.Active.Export.Register Energy.Active.Import.Register Energy.Reactive.Export.Register "
            "Energy.Reactive.Import.Register Energy.Active.Export.Interval Energy.Active.Import.Interval "
            "Energy.Reactive.Export.Interval Energy.Reactive.Import.Interval Power.Active.Export Power.Active.Import "
            "Power.Reactive.Export Power.Reactive.Import Current.Export Current.Import Voltage Temperature"
        ),
        "ValueFormat": "Raw SignedData",
        "UnitOfMeasure": "Wh kWh varh kvarh W kW var kvar Amp Volt Celsius",
        "Location": "Inlet Outlet Body",
        "RegistrationStatus": "Accepted Rejected",
        "ChargePointErrorCode": (
            "ConnectorLockFailure HighTemperature Mode3Error NoError PowerMeterFailure PowerSwitchFailure "
            "ReaderFailure ResetFailure GroundFailure OverCurrentFailure UnderVoltage WeakSignal OtherError"
        ),
        "ChargePointStatus": "Available Occupied Faulted Unavailable Reserved",
        "FirmwareStatus": "Downloaded DownloadFailed InstallationFailed Installed",
        "DiagnosticsStatus": "Uploaded UploadFailed",
        "DataTransferStatus": "Accepted Rejected UnknownMessageId UnknownVendorId",
        "UnlockStatus": "Accepted Rejected",
        "ResetType": "Hard Soft",
        "ResetStatus": "Accepted Rejected",
        "AvailabilityType": "Inoperative Operative",
        "AvailabilityStatus": "Accepted Rejected Scheduled",
        "ClearCacheStatus": "Accepted Rejected",
        "ConfigurationStatus": "Accepted Rejected NotSupported",
        "RemoteStartStopStatus": "Accepted Rejected",
        "CancelReservationStatus": "Accepted Rejected",
        "ReservationStatus": "Accepted Faulted Occupied Rejected Unavailable",
        "UpdateType": "Differential Full",
        "UpdateStatus": "Accepted Failed HashError NotSupported VersionMismatch",
    },
    "1.6": {
        "AuthorizationStatus": "Accepted Blocked Expired Invalid ConcurrentTx",
        "Reason": (
            "EmergencyStop EVDisconnected HardReset Local Other PowerLoss Reboot Remote SoftReset UnlockCommand "
            "DeAuthorized"
        ),
        "ReadingContext": (
            "Interruption.Begin Interruption.End Other Sample.Clock Sample.Periodic Transaction.Begin Transaction.End "
            "Trigger"
        ),
        "Measurand": (
            "Current.Export Current.Import Current.Offered Energy.Active.Export.Register Energy.Active.Import.Register "
            "Energy.Reactive.Export.Register Energy.Reactive.Import.Register Energy.Active.Export.Interval "
            "Energy.Active.Import.Interval Energy.Reactive.Export.Interval Energy.Reactive.Import.Interval Frequency "
            "Power.Active.Export Power.Active.Import Power.Factor Power.Offered Power.Reactive.Export "
            "Power.Reactive.Import RPM SoC Temperature Voltage"
        ),
        "ValueFormat": "Raw SignedData",
        "UnitOfMeasure": "Celsius Fahrenheit Wh kWh varh kvarh W kW VA kVA var kvar A V K Percent",
        "Phase": "L1 L2 L3 N L1-N L2-N L3-N L1-L2 L2-L3 L3-L1",
        "Location": "Body Cable EV Inlet Outlet",
        "RegistrationStatus": "Accepted Pending Rejected",
        "ChargePointErrorCode": (
            "ConnectorLockFailure EVCommunicationError GroundFailure HighTemperature InternalError LocalListConflict "
            "NoError OtherError OverCurrentFailure OverVoltage PowerMeterFailure PowerSwitchFailure ReaderFailure "
            "ResetFailure UnderVoltage WeakSignal"
        ),
        "ChargePointStatus": (
            "Available Preparing Charging SuspendedEV SuspendedEVSE Finishing Reserved Faulted Unavailable"
        ),
        "FirmwareStatus": "Downloaded DownloadFailed Downloading Idle InstallationFailed Installed Installing",
        "DiagnosticsStatus": "Idle Uploaded UploadFailed Uploading",
        "DataTransferStatus": "Accepted Rejected UnknownMessageId UnknownVendorId",
        "UnlockStatus": "Unlocked UnlockFailed NotSupported",
        "ResetType": "Hard Soft",
        "ResetStatus": "Accepted Rejected",
        "AvailabilityType": "Inoperative Operative",
        "AvailabilityStatus": "Accepted Rejected Scheduled",
        "ClearCacheStatus": "Accepted Rejected",
        "ChargingProfilePurposeType": "ChargePointMaxProfile TxDefaultProfile TxProfile",
        "ClearChargingProfileStatus": "Accepted Unknown",
        "ConfigurationStatus": "Accepted NotSupported RebootRequired Rejected",
        "RemoteStartStopStatus": "Accepted Rejected",
        "CancelReservationStatus": "Accepted Rejected",
        "ChargingRateUnitType": "W A",
        "GetCompositeScheduleStatus": "Accepted Rejected",
        "ReservationStatus": "Accepted Faulted Occupied Rejected Unavailable",
        "UpdateType": "Differential Full",
        "UpdateStatus": "Accepted Failed NotSupported VersionMismatch",
        "ChargingProfileKindType": "Absolute Recurring Relative",
        "RecurrencyKindType": "Daily Weekly",
        "ChargingProfileStatus": "Accepted Rejected NotSupported",
        "MessageTrigger": (
            "BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat MeterValues "
            "StatusNotification"
        ),
        "TriggerMessageStatus": "Accepted Rejected NotImplemented",
    },
}
